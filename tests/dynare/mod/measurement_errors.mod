// Two observables whose measurement errors are correlated; tables for some of the shocks.
var y c z;
varexo ey ec ez;
parameters rho_y rho_c rho_z;
rho_y = 0.8; rho_c = 0.6; rho_z = 0.9;

model(linear);
y = rho_y*y(-1) + 0.2*z + ey;
c = rho_c*c(-1) + 0.1*y(+1) + ec;
z = rho_z*z(-1) + ez;
end;

shocks;
var ey; stderr 0.1;
var ec; stderr 0.2;
var ez = 0.01;
corr ey, ez = 0.4;
var y; stderr 0.05;
var c = 0.01;
corr y, c = 0.3;
end;

varobs y c;

estimated_params;
rho_y, beta_pdf, 0.8, 0.1;
rho_z, 0.85, beta_pdf, 0.8, 0.1;
stderr c, 0.12, inv_gamma_pdf, 0.1, inf;
corr y, c, 0.25, uniform_pdf, , , -1, 1;
corr ey, ez, 0.35, beta_pdf, 0.3, 0.2, -1, 1;
end;

estimation(datafile='observed.csv', presample=2, mode_compute=0, mh_replic=0, nograph, cova_compute=0);
stoch_simul(order=1, irf=5, ar=2, irf_shocks=(ez, ec), conditional_variance_decomposition=[1 3 10], nograph) c y;
