// A growth model solved in logs, with data in levels.
var c k y r;
varexo e;
predetermined_variables k;
parameters alpha beta delta rho sigma abar;
alpha = 0.36; beta = 0.98; delta = 0.06; rho = 0.9; sigma = 1.5; abar = 1;
var a;

model;
c^(-sigma) = beta*c(+1)^(-sigma)*(1 + r(+1));
r = alpha*y/k - delta;
y = a*k^alpha;
k(+1) = y + (1 - delta)*k - c;
log(a/abar) = rho*log(a(-1)/abar) + e;
end;

steady_state_model;
a = abar;
r = 1/beta - 1;
k = (alpha*a/(r + delta))^(1/(1 - alpha));
y = a*k^alpha;
c = y - delta*k;
end;

shocks; var e; stderr 0.01; end;
varobs y;

estimated_params;
rho, 0.85, beta_pdf, 0.8, 0.1;
stderr e, 0.012, inv_gamma_pdf, 0.01, inf;
alpha, , 0.2, 0.5, normal_pdf, 0.36, 0.02;
end;

estimation(datafile='levels.csv', loglinear, first_obs=5, nobs=50, mode_compute=0, mh_replic=0, nograph, cova_compute=0) y;
stoch_simul(order=1, loglinear, irf=7, nograph) c y;
