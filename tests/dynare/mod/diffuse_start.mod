// A unit root in the observables, with a diffuse start.
var level cycle obs;
varexo el ec;
parameters rho;
rho = 0.8;

model(linear);
level = level(-1) + el;
cycle = rho*cycle(-1) + ec;
obs = level + cycle;
end;

shocks;
var el; stderr 0.1;
var ec; stderr 0.3;
end;

varobs obs;
estimated_params;
rho, 0.8, uniform_pdf, , , 0, 1;
stderr el, 0.1, gamma_pdf, 0.1, 0.05;
stderr ec, 0.3, inv_gamma_pdf, 0.3, 0.2;
end;
estimation(datafile='observed.mat', lik_init=3, mode_compute=0, mh_replic=0, nograph, cova_compute=0);
stoch_simul(order=1, irf=6, nograph);
