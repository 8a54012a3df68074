// Two countries by the macro processor; the equations of one are in a file of their own.
@#define countries = ["home", "away"]
@#define partners = [countries[3 - i] for i in 1:2]
@#define series(x, c) = x + "_" + c
@#define with_spillover = 1
@#ifndef order_of_ma
@#define order_of_ma = 2
@#endif

@#for c in countries
var y_@{c} k_@{c} a_@{c} ma_@{c};
varexo e_@{c};
@#endfor
var world;
parameters alpha rho spill share;
alpha = 0.3; rho = 0.9; share = 0.5;
@#if with_spillover && length(countries) > 1
spill = 0.05;
@#else
spill = 0;
@#endif

model(linear);
@#for (i, c) in (1:2)*countries when c == countries[i]
@#include "country.inc"
@#endfor
world = share*@{series("y", countries[1])} + (1 - share)*y_@{countries[2]};
end;

shocks;
@#for c in countries
var e_@{c}; stderr 0.01*@{length(c)/4};
@#endfor
corr e_home, e_away = 0.25;
end;

stoch_simul(order=1, irf=5, hp_filter=1600, nograph) world y_home;
