// The same economy in logs, its steady state left to be found from starting values.
var y c k i n a;
varexo e;
parameters alpha, beta, delta, rho, psi, sigma;
alpha = 0.33; beta = 0.99; delta = 0.025; rho = 0.95;
psi = 1.75;   // weight of leisure
sigma = 2;

model;
exp(-sigma*c) = beta*exp(-sigma*c(+1))*(1 - delta + alpha*exp(y(+1) - k));
psi*exp(sigma*c)/(1 - exp(n)) = (1 - alpha)*exp(y - n);
exp(y) = exp(a + alpha*k(-1) + (1 - alpha)*n);
exp(c) + exp(i) = exp(y);
exp(k) = (1 - delta)*exp(k(-1)) + exp(i);
a = rho*a(-1) + e;
end;

initval;
k = log(9);
n = log(1/3);
y = alpha*k + (1 - alpha)*n;
c = y + log(0.8);
i = log(exp(y) - exp(c));
end;

steady(tolf=1e-13);
check;

shocks;
var e = 0.0072^2;
end;

stoch_simul(order = 1, irf = 12, ar = 3, nograph);
