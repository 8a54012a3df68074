// An and Schorfheide (2007), the log-linear model: equations (29) to (38).
var y (long_name='output') pi (long_name='inflation') R (long_name='policy rate')
    g (long_name='government spending') z (long_name='technology growth')
    YGR (long_name='GDP growth, % a quarter') INFL (long_name='inflation, % a year')
    INT (long_name='policy rate, % a year');
varexo eps_R eps_g eps_z;
parameters tau (long_name='inverse elasticity of intertemporal substitution')
    kappa (long_name='slope of the Phillips curve') psi1 psi2
    rA (long_name='real rate, % a year') piA (long_name='inflation, % a year')
    gammaQ (long_name='growth, % a quarter') rho_R rho_g rho_z;

tau = 2.09; kappa = 0.98; psi1 = 2.25; psi2 = 0.65; rA = 0.34; piA = 3.16;
gammaQ = 0.51; rho_R = 0.81; rho_g = 0.98; rho_z = 0.93;

model(linear);
# beta = 1/(1 + rA/400);
# gap = y - g;
[name='Euler'] y = y(+1) - (R - pi(+1) - z(+1))/tau + g - g(+1);
[name='Phillips'] pi = beta*pi(+1) + kappa*gap;
[name='policy'] R = rho_R*R(-1) + (1 - rho_R)*(psi1*pi + psi2*gap) + eps_R;
[name='spending'] g = rho_g*g(-1) + eps_g;
[name='technology'] z = rho_z*z(-1) + eps_z;
[name='observed growth'] YGR = gammaQ + y - y(-1) + z;
[name='observed inflation'] INFL = piA + 4*pi;
[name='observed rate'] INT = piA + rA + 4*gammaQ + 4*R;
end;

varobs YGR INFL INT;

shocks;
var eps_R; stderr 0.19;
var eps_g; stderr 0.65;
var eps_z; stderr 0.24;
end;

estimated_params;
stderr eps_R, 0.19, inv_gamma_pdf, 0.5013256549262002, 0.2620545510248134;
stderr eps_g, 0.65, inv_gamma_pdf, 1.2533141373155, 0.6551363775620335;
stderr eps_z, 0.24, inv_gamma_pdf, 0.6266570686577502, 0.3275681887810167;
tau, 2.09, gamma_pdf, 2, 0.5;
kappa, 0.98, uniform_pdf, , , 0, 1;
psi1, 2.25, gamma_pdf, 1.5, 0.25;
psi2, 0.65, gamma_pdf, 0.5, 0.25;
rA, 0.34, gamma_pdf, 0.5, 0.5;
piA, 3.16, gamma_pdf, 7, 2;
gammaQ, 0.51, normal_pdf, 0.4, 0.2;
rho_R, 0.81, uniform_pdf, , , 0, 1;
rho_g, 0.98, uniform_pdf, , , 0, 1;
rho_z, 0.93, uniform_pdf, , , 0, 1;
end;
stoch_simul(order=1, irf=8, conditional_variance_decomposition=[1, 4, 40], nograph) YGR INFL INT y;
