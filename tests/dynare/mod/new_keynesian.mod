% Three equations in deviations from the steady state; correlated disturbances.
var x pi r g u v;
varexo eg eu ev;
parameters beta sigma kappa phi_pi phi_x rho_r rho_g rho_u;

beta = 0.99; sigma = 1; kappa = 0.15;
phi_pi = 1.5; phi_x = 0.5/4; rho_r = .8; rho_g = .7; rho_u = .5;

model(linear);
x = x(+1) - (r - pi(+1))/sigma + g;
pi = beta*pi(+1) + kappa*x + u;
r = rho_r*r(-1) + (1 - rho_r)*(phi_pi*pi + phi_x*x) + v;
g = rho_g*g(-1) + eg;
u = rho_u*u(-1) + eu;
v = ev;
end;

shocks;
var eg; stderr 0.5;
var eu = 0.04;
var ev; stderr 0.25;
corr eg, eu = -0.3;
var eu, ev = 0.01;
end;

stoch_simul(order=1, irf=8, nograph) x pi r;
