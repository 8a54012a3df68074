// Parameters that the steady state pins down, one of them out of an estimated one.
var y n w lambda;
varexo z b;
parameters alpha theta chi target, nu rho;
alpha = 2/3; nu = 1.2; rho = 0.5; target = 0.3;

model;
[name = 'production'] y = exp(z)*n^alpha + 0*lambda;
w = alpha*y/n;
chi*n^nu = w*lambda*exp(b) ;
[name='smoothing', mcp_unused='no'] lambda = (1 - rho)*theta/y + rho*lambda(-1);
end;

steady_state_model;
n = target;
y = n^alpha;
w = alpha*y/n;
theta = y*(1 + alpha);
lambda = theta/y;
chi = w*lambda/n^nu;
end;

shocks;
var z; stderr 0.01;
var b; stderr 0.02;
end;
stoch_simul(order=1, irf=3, nograph);
