// Exogenous variables with a mean of their own, one of them deterministic; unused lines of Matlab.
var y k q;
varexo g e;
varexo_det tau;
parameters alpha delta rho;
scale = 2;               % a variable of the file, not of the model
alpha = scale*0.15; delta = 0.1; rho = 0.6;

disp('native code is skipped');
for i = 1:3
  fprintf('%d\n', i);
end

model;
y = (1 - tau)*k(-1)^alpha + g;
k = (1 - delta)*k(-1) + rho*y*exp(e) - 0.2*g + 0.01*(q - 1);
q = 0.95*q(+1) + 0.05*alpha*y/k/(0.1 + tau);
end;

initval;
tau = 0.2;
g = 0.3;
e = 0;
k = 8;
y = 1.5;
q = 0.2;
end;
steady(tolf=1e-13);

shocks;
var g; stderr 0.02;
var e; stderr 0.01;
end;

stoch_simul(order=1, irf=5, nograph);
