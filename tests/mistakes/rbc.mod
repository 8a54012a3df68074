// A real business cycle model, right as it stands: the tests plant mistakes in this text.
var c k y i r z dy;
varexo e;
parameters alpha beta delta rho sigma;
alpha = 0.33; beta = 0.99; delta = 0.025; rho = 0.9; sigma = 0.01;

model;
  [name='euler'] 1/c = beta/c(+1)*(1 - delta + r(+1));
  [name='return'] r = alpha*y/k(-1);
  [name='production'] y = exp(z)*k(-1)^alpha;
  [name='resources'] c + i = y;
  [name='capital'] k = (1 - delta)*k(-1) + i;
  [name='technology'] z = rho*z(-1) + sigma*e;
  [name='growth'] dy = log(y/y(-1));
end;

steady_state_model;
  r = 1/beta - 1 + delta; k = (alpha/r)^(1/(1 - alpha)); y = k^alpha;
  i = delta*k; c = y - i; z = 0; dy = 0;
end;

shocks;
  var e; stderr 1;
end;

estimated_params;
  rho, beta_pdf, 0.9, 0.03;
  sigma, inv_gamma_pdf, 0.01, 0.002;
end;

varobs dy;
