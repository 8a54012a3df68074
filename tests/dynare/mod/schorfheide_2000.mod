/* Schorfheide (2000): a cash-in-advance economy, estimated on growth and inflation.
   Nominal variables are relative to lagged money, real ones to productivity. */
var m P c e W R k d n l gy_obs gp_obs y dA;
varexo e_a e_m;
parameters alp bet gam mst rho psi del;

alp = 0.356; bet = 0.993; gam = 0.0085; mst = 1.0002; rho = 0.129; psi = 0.65; del = 0.01;

model;
# growth = exp(gam + e_a);
# output = growth^(-alp)*k(-1)^alp*n^(1 - alp);
[name='productivity'] dA = growth;
[name='money'] log(m) = (1 - rho)*log(mst) + rho*log(m(-1)) + e_m;
[name='capital Euler']
  P/(c(+1)*P(+1)*m) = bet*P(+1)/(c(+2)*P(+2)*m(+1))*(
      alp*exp(-alp*(gam + log(e(+1))))*k^(alp - 1)*n(+1)^(1 - alp)
      + (1 - del)*exp(-(gam + log(e(+1)))));
[name='labour demand'] W = l/n;
[name='labour supply'] psi/(1 - psi)*c*P/(1 - n) = l/n;
[name='loans'] R = (1 - alp)*P*output/n/W;
[name='money Euler'] 1/(c*P) = bet*(1 - alp)*P*output/(m*l*c(+1)*P(+1));
[name='resources'] c + k = output + (1 - del)/growth*k(-1);
[name='cash in advance'] P*c = m;
[name='banks'] m - 1 + d = l;
[name='shock'] e = exp(e_a);
[name='production'] y = output;
[name='observed growth'] gy_obs = dA*y/y(-1);
[name='observed inflation'] gp_obs = P/P(-1)*m(-1)/dA;
end;

steady_state_model;
  dA = exp(gam);
  shrink = 1/dA;
  m = mst;
  // capital per hour, and the ratios that follow from it
  capital = ((1 - shrink*bet*(1 - del))/(alp*bet*shrink^alp))^(1/(alp - 1));
  spending = mst/((capital*shrink)^alp - (1 - shrink*(1 - del))*capital);
  leisure = psi*mst^2/((1 - alp)*(1 - psi)*bet*(shrink*capital)^alp);
  n = spending/(leisure + spending);
  P = spending + leisure;
  k = capital*n;
  l = psi*mst*n/((1 - psi)*(1 - n));
  c = mst/P;
  d = l - mst + 1;
  y = k^alp*n^(1 - alp)*shrink^alp;
  R = mst/bet;
  W = l/n;
  e = 1;
  gp_obs = m/dA;
  gy_obs = dA;
end;

shocks;
var e_a; stderr 0.035449;
var e_m; stderr 0.008862;
end;

varobs gp_obs gy_obs;

estimated_params;
alp, beta_pdf, 0.356, 0.02;
bet, beta_pdf, 0.993, 0.002;
gam, normal_pdf, 0.0085, 0.003;
mst, normal_pdf, 1.0002, 0.007;
rho, beta_pdf, 0.129, 0.1;
psi, beta_pdf, 0.65, 0.05;
del, beta_pdf, 0.01, 0.005;
stderr e_a, inv_gamma_pdf, 0.035449, inf;
stderr e_m, inv_gamma_pdf, 0.008862, inf;
end;

estimation(datafile='schorfheide_data.csv', loglinear, logdata, mode_compute=0, mh_replic=0, nograph, cova_compute=0);
stoch_simul(order=1, loglinear, irf=8, nograph) gp_obs gy_obs y k R;
