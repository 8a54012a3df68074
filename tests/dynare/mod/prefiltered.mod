// Demeaned data with gaps, from a spreadsheet.
var y c;
varexo ey ec;
parameters rho, beta, mean_y;
rho = 0.7; beta = 0.3; mean_y = 0;

model;
y = (1 - rho)*mean_y + rho*y(-1) + ey;
c = beta*y(+1) + 0.5*c(-1) + ec;
end;

steady_state_model;
y = mean_y;
c = beta*y/0.5;
end;

shocks;
var ey; stderr 0.3;
var ec; stderr 0.3;
end;

varobs c y;
estimated_params;
rho, beta_pdf, 0.7, 0.1;
beta, normal_pdf, 0.3, 0.1;
stderr ey, gamma_pdf, 0.3, 0.1;
end;
estimation(datafile='gaps.xlsx', prefilter=1, mode_compute=0, mh_replic=0, nograph, cova_compute=0);
stoch_simul(order=1, irf=6, nograph);
