/* Leads and lags of several periods, of variables and of shocks. */
var y z w s;
varexo e f;
parameters a1 a2 a3 b;
a1 = 0.5; a2 = 0.2; a3 = -0.1; b = 0.3;

model;
y = a1*y(-1) + a2*y(-2) + a3*y(-3) + e + 0.4*e(-1) + 0.1*e(-3);
z = b*z(+1) + 0.2*z(+3)*exp(z) + y(-2)*y(+2) + y;
w = 0.9*w(-1) + f + 0.5*f(+1) + 0.25*f(+2)^2;
s = sqrt(1 + (y(+1) - y(-1))^2) + w(-4);
end;

initval;
y = 0; z = 0; w = 0; s = 1;
end;

shocks;
var e; stderr 0.1;
var f; stderr 0.2;
end;

steady(tolf=1e-13);
stoch_simul(order=1, irf=10, nograph);
