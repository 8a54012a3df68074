// Expectations held in the past, and the steady state inside the equations.
var y p m q;
varexo em ep;
parameters theta rho ybar tau;
theta = 0.6; rho = 0.8; ybar = 2; tau = 1.5;

model;
# gap = log(y/STEADY_STATE(y));
log(y) = log(ybar) + theta*(p - EXPECTATION(-1)(p)) + 0.1*m;
p = 0.5*EXPECTATION(-2)(p(+1)*y/ybar) + 0.3*EXPECTATION(0)(m(+1)) + ep;
m = rho*m(-1) + em - 0.1*gap;
q = tau*gap + diff(y) + steady_state(y*tau + q/2);
end;

steady_state_model;
m = 0;
y = ybar;
p = 0;
q = 2*y*tau;
end;

shocks;
var em; stderr 0.01;
var ep; stderr 0.02;
end;

stoch_simul(order=1, irf=6, nograph);
