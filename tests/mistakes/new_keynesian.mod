// The New Keynesian model of three equations, right as it stands: the tests plant mistakes in this text.
var x pi i v;
varexo e;
parameters beta kappa sigma phi rho;
beta = 0.99; kappa = 0.1; sigma = 1; phi = 1.5; rho = 0.8;

model(linear);
  [name='demand'] x = x(+1) - (i - pi(+1))/sigma;
  [name='phillips'] pi = beta*pi(+1) + kappa*x;
  [name='rule'] i = phi*pi + v;
  [name='policy shock'] v = rho*v(-1) + e;
end;

shocks;
  var e; stderr 1;
end;

estimated_params;
  rho, beta_pdf, 0.8, 0.1;
end;

varobs pi;
