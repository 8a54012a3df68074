// A random walk and what it carries along; equations of their own for the steady state.
var a dy y gap;
varexo e u;
parameters mu rho lambda;
mu = 0.004; rho = 0.7; lambda = 0.2;

model;
[dynamic] a = a(-1) + e;
[static] a = 0;
[name='gap'] gap = rho*gap(-1) - lambda*(a - a(-1)) + u;
dy = 100*(exp(y - y(-1) + mu) - 1);
y = a + gap;
end;

initval;
a = 0; gap = 0; y = 0; dy = 0.4;
end;

shocks;
var e; stderr 0.01;
var u; stderr 0.02;
end;

steady(tolf=1e-13);
stoch_simul(order=1, irf=6, nograph);
