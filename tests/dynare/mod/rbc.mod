/* A real business cycle model in levels: steady state in closed form,
   tags, long names, a predetermined capital stock. */
var y (long_name='output') c (long_name='consumption') k (long_name='capital')
    i (long_name='investment') n (long_name='hours') a (long_name='log productivity');
varexo e (long_name='productivity shock');
predetermined_variables k;
parameters alpha beta delta rho psi (long_name='weight of leisure') hours;

alpha = 0.33;
beta  = 0.99;
delta = 0.025;
rho   = 0.95;
hours = 1/3;

model;
  # wage = (1 - alpha)*y/n;
  [name='Euler']
  1/c = beta/c(+1)*(1 - delta + alpha*y(+1)/k(+1));
  [name='labour supply']
  psi*c/(1 - n) = wage;
  [name='production']
  y = exp(a)*k^alpha*n^(1 - alpha);
  [name='resources']
  c + i = y;
  [name='capital']
  k(+1) = (1 - delta)*k + i;
  [name='productivity']
  a = rho*a(-1) + e;
end;

steady_state_model;
  a = 0;
  n = hours;
  k = n*((1/beta - 1 + delta)/alpha)^(1/(alpha - 1));
  i = delta*k;
  y = k^alpha*n^(1 - alpha);
  c = y - i;
  psi = (1 - alpha)*y/n*(1 - n)/c;
end;

steady;
check;

shocks;
  var e; stderr 0.0072;
end;

stoch_simul(order=1, irf=20, nograph) y c i n;
