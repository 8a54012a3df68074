// Every function of the language, at a steady state that is not trivial.
var a b c d f g h x;
varexo e;
parameters p q;
p = max(0.3, min(0.7, 0.5)) + abs(-0.2)*sign(3) - 0.2;
q = sqrt(4)/2 + normcdf(0) - erf(0) + log10(1) + ln(1) + exp(0) - cbrt(1);

model;
a = normcdf(x, 0.2, 1.5) + normpdf(x) + 0.2*a(-1);
b = erf(x) + 0.1*b(+1);
c = log(1 + x^2) + ln(2 + x) + log10(3 + x);
d = sqrt(x + 1) + cbrt(2 + x) + exp(-x^2/2)^q;
f = sin(x) + cos(x) + tan(x/2) + asin(x/3) + acos(x/4) + atan(x);
g = max(x, 0.1) + min(x, 2) + abs(x - 3) + sign(x) + (x > 0.2)*x;
h = normpdf(x, 0.1, 2)*normcdf(x) - -x^-2 + 2^x/3*1e-1 + .5;
x = p + 0.8*(x(-1) - p) + e;
end;

initval; x = p; a = 1; b = 1; c = 1; d = 2; f = 2; g = 4; h = 1; end;

shocks; var e; stderr 0.05; end;
steady(tolf=1e-13);
stoch_simul(order=1, irf=4, nograph);
