// Smets and Wouters (2007): equations (1) to (15), in percent, quarterly. Names follow the
// authors' replication code; the economy with flexible prices and wages ends in f.
@#define economies = ["", "f"]

var dy dc dinve labobs pinfobs dw robs;
@#for f in economies
var c@{f} inve@{f} y@{f} lab@{f} w@{f} k@{f} kp@{f} zcap@{f} rk@{f} pk@{f} real@{f};
@#endfor
var mc pinf r a b g qs ms spinf epinfma sw ewma;
varexo ea eb eg eqs em epinf ew;

parameters ctou clandaw cg curvp curvw
    csadjcost csigma chabb cprobw csigl cprobp cindw cindp czcap cfc crpi crr cry crdy
    constepinf constebeta constelab ctrend cgy calfa
    crhoa crhob crhog crhoqs crhoms crhopinf crhow cmap cmaw;

ctou = .025; clandaw = 1.5; cg = 0.18; curvp = 10; curvw = 10;

model(linear);
# gamma = 1 + ctrend/100;
# discount = gamma^(-csigma)/(1 + constebeta/100);
# rks = 1/discount - (1 - ctou);
# wage = (calfa^calfa*(1 - calfa)^(1 - calfa)/(cfc*rks^calfa))^(1/(1 - calfa));
# ratio = calfa/(1 - calfa)*wage/rks;
# ky = cfc*ratio^(1 - calfa);
# iy = (gamma - 1 + ctou)*ky;
# cy = 1 - cg - iy;
# whlc = (1 - calfa)/calfa*rks*ky/(clandaw*cy);
# h = chabb/gamma;
# bg = discount*gamma;
# smoothing = (1 - h)/(csigma*(1 + h));
# adjustment = gamma^2*csadjcost;
# keep = (1 - ctou)/gamma;

@#for f in economies
[name='(1) resources@{f}']
y@{f} = cy*c@{f} + iy*inve@{f} + rks*ky*zcap@{f} + g;
[name='(2) consumption@{f}']
c@{f} = h/(1 + h)*c@{f}(-1) + c@{f}(+1)/(1 + h)
    + (csigma - 1)*whlc/(csigma*(1 + h))*(lab@{f} - lab@{f}(+1)) - smoothing*real@{f} + b;
[name='(3) investment@{f}']
inve@{f} = (inve@{f}(-1) + bg*inve@{f}(+1) + pk@{f}/adjustment)/(1 + bg) + qs;
[name='(4) value of capital@{f}']
pk@{f} = discount*(rks*rk@{f}(+1) + (1 - ctou)*pk@{f}(+1)) - real@{f} + b/smoothing;
[name='(5) production@{f}']
y@{f} = cfc*(calfa*k@{f} + (1 - calfa)*lab@{f} + a);
[name='(6) capital services@{f}']
k@{f} = kp@{f}(-1) + zcap@{f};
[name='(7) utilisation@{f}']
zcap@{f} = (1 - czcap)/czcap*rk@{f};
[name='(8) capital@{f}']
kp@{f} = keep*kp@{f}(-1) + (1 - keep)*(inve@{f} + adjustment*qs);
[name='(11) rental rate@{f}']
rk@{f} = w@{f} + lab@{f} - k@{f};
@#endfor

real = r - pinf(+1);
a = calfa*rkf + (1 - calfa)*wf;
wf = csigl*labf + (cf - h*cf(-1))/(1 - h);

[name='(9) marginal cost']
mc = calfa*rk + (1 - calfa)*w - a;
[name='(10) inflation']
pinf = (bg*pinf(+1) + cindp*pinf(-1)
    + (1 - cprobp)*(1 - bg*cprobp)/cprobp/((cfc - 1)*curvp + 1)*mc)/(1 + bg*cindp) + spinf;
[name='(12), (13) wage']
w = (w(-1) + bg*(w(+1) + pinf(+1)) - (1 + bg*cindw)*pinf + cindw*pinf(-1)
    + (1 - cprobw)*(1 - bg*cprobw)/cprobw/((clandaw - 1)*curvw + 1)
      *(csigl*lab + (c - h*c(-1))/(1 - h) - w))/(1 + bg) + sw;
[name='(14) policy']
r = crr*r(-1) + (1 - crr)*(crpi*pinf + cry*(y - yf)) + crdy*(y - yf - y(-1) + yf(-1)) + ms;

a = crhoa*a(-1) + ea;
b = crhob*b(-1) + eb;
g = crhog*g(-1) + eg + cgy*ea;
qs = crhoqs*qs(-1) + eqs;
ms = crhoms*ms(-1) + em;
spinf = crhopinf*spinf(-1) + epinfma - cmap*epinfma(-1);
epinfma = epinf;
sw = crhow*sw(-1) + ewma - cmaw*ewma(-1);
ewma = ew;

// (15) measurement
dy = y - y(-1) + ctrend;
dc = c - c(-1) + ctrend;
dinve = inve - inve(-1) + ctrend;
dw = w - w(-1) + ctrend;
pinfobs = pinf + constepinf;
robs = r + 100*((1 + constepinf/100)/discount - 1);
labobs = lab + constelab;
end;

varobs dy dc dinve labobs pinfobs dw robs;

estimated_params;
stderr ea, 0.45178828166212176, 0.01, 3, inv_gamma_pdf, 0.1, 2.0;
stderr eb, 0.24246070101377046, 0.025, 5, inv_gamma_pdf, 0.1, 2.0;
stderr eg, 0.5200103192082884, 0.01, 3, inv_gamma_pdf, 0.1, 2.0;
stderr eqs, 0.45010690608083065, 0.01, 3, inv_gamma_pdf, 0.1, 2.0;
stderr em, 0.23983932548400175, 0.01, 3, inv_gamma_pdf, 0.1, 2.0;
stderr epinf, 0.141123850778673, 0.01, 3, inv_gamma_pdf, 0.1, 2.0;
stderr ew, 0.24439160123349973, 0.01, 3, inv_gamma_pdf, 0.1, 2.0;
crhoa, 0.9587740953362461, .01, .9999, beta_pdf, 0.5, 0.2;
crhob, 0.18243934512556007, .01, .9999, beta_pdf, 0.5, 0.2;
crhog, 0.9761614150464989, .01, .9999, beta_pdf, 0.5, 0.2;
crhoqs, 0.7095693238736019, .01, .9999, beta_pdf, 0.5, 0.2;
crhoms, 0.1271314763130675, .01, .9999, beta_pdf, 0.5, 0.2;
crhopinf, 0.9038073405580113, .01, .9999, beta_pdf, 0.5, 0.2;
crhow, 0.9718537740244471, .001, .9999, beta_pdf, 0.5, 0.2;
cmap, 0.7448718466831306, .01, .9999, beta_pdf, 0.5, 0.2;
cmaw, 0.8881459266182488, .01, .9999, beta_pdf, 0.5, 0.2;
csadjcost, 5.488197009060616, 2, 15, normal_pdf, 4.0, 1.5;
csigma, 1.3951928979514387, 0.25, 3, normal_pdf, 1.5, 0.375;
chabb, 0.7124006351787524, 0.001, 0.99, beta_pdf, 0.7, 0.1;
cprobw, 0.737541323772002, 0.3, 0.95, beta_pdf, 0.5, 0.1;
csigl, 1.9198838416864004, 0.25, 10, normal_pdf, 2.0, 0.75;
cprobp, 0.6562662602975502, 0.5, 0.95, beta_pdf, 0.5, 0.1;
cindw, 0.5919983094973862, 0.01, 0.99, beta_pdf, 0.5, 0.15;
cindp, 0.22835401911534914, 0.01, 0.99, beta_pdf, 0.5, 0.15;
czcap, 0.5472131292389921, 0.01, 1, beta_pdf, 0.5, 0.15;
cfc, 1.6149795879763305, 1, 3, normal_pdf, 1.25, 0.125;
crpi, 2.029467403441132, 1, 3, normal_pdf, 1.5, 0.25;
crr, 0.8153248720213849, 0.5, 0.975, beta_pdf, 0.75, 0.1;
cry, 0.08468690532858184, 0.001, 0.5, normal_pdf, 0.125, 0.05;
crdy, 0.22292570806394757, 0.001, 0.5, normal_pdf, 0.125, 0.05;
constepinf, 0.8179822205381722, 0.1, 2, gamma_pdf, 0.625, 0.1;
constebeta, 0.16065411471321542, 0.01, 2, gamma_pdf, 0.25, 0.1;
constelab, -0.10306516698580762, -10, 10, normal_pdf, 0.0, 2.0;
ctrend, 0.43202637481051603, 0.1, 0.8, normal_pdf, 0.4, 0.1;
cgy, 0.5261212194708431, 0.01, 2, normal_pdf, 0.5, 0.25;
calfa, 0.19280045641815527, 0.01, 1, normal_pdf, 0.3, 0.05;
end;

estimation(presample=4, lik_init=1, mode_compute=0, mh_replic=0, nograph);
stoch_simul(order=1, irf=8, conditional_variance_decomposition=[1:4], nograph) dy dc dinve labobs pinfobs dw robs;
