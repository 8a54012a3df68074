// Observed levels with deterministic trends, measurement error, a presample; every shape of prior.
var y c dy;
varexo ey ec;
parameters rho_y rho_c gamma_y gamma_c cbar kappa;
rho_y = 0.9; rho_c = 0.5; gamma_y = 0.01; gamma_c = 0.02; cbar = 0.3; kappa = 0.4;

model(linear);
y = rho_y*y(-1) + ey;
c = rho_c*c(-1) + (1 - rho_c)*(cbar + kappa*y) + ec;
dy = y - y(-1);
end;

shocks;
var ey; stderr 0.1;
var ec; stderr 0.2;
corr ey, ec = 0.2;
var y; stderr 0.05;
end;

varobs y c;
observation_trends;
y (gamma_y);
c (gamma_c + 0.001);
end;

estimated_params;
rho_y, 0.9, beta_pdf, 0.8, 0.1, 0, 0.999;
rho_c, beta_pdf, 0.5, 0.2;
gamma_y, normal_pdf, 0.01, 0.005;
gamma_c, uniform_pdf, 0.02, 0.01;
cbar, , -1, 1, normal_pdf, 0.3, 0.5;
kappa, gamma_pdf, 0.4, 0.1, 0.1;
stderr ey, inv_gamma1_pdf, 0.1, 0.05;
stderr ec, inv_gamma2_pdf, 0.2, 0.3;
stderr y, weibull_pdf, 0.05, 0.03;
corr ey, ec, uniform_pdf, , , -1, 1;
end;

estimated_params_init;
rho_y, 0.85;
corr ey, ec, 0.1;
end;

estimated_params_bounds;
kappa, 0.15, 0.9;
end;

estimation(datafile='observed.csv', first_obs=3, nobs=60, presample=4, mode_compute=0, mh_replic=0, nograph, cova_compute=0);
stoch_simul(order=1, irf=6, nograph);
