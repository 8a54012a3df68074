"""What a run's report is made of, read once and shared by its sections."""

from estim.periods import unit_of
from estim.results.contents import RouteResult, finished_routes, read_data, read_route
from estim.results.diagnostics import summarise, superchains_of
from estim.results.labels import Labels
from estim.results.report.page import Page
from estim.results.store import RunDirectory, StoreError

LABELS = {
    "rwmh": "random-walk MH",
    "nuts": "NUTS",
    "mpmh": "multi-proposal MH",
    "hmc": "HMC",
    "smc": "tempered SMC",
    "delayed_acceptance": "delayed acceptance",
    "surrogate": "surrogate",
}


class Report(Page):
    """The page of one run, and what its directory holds."""

    def __init__(self, run: RunDirectory):
        super().__init__()
        self.run = run
        self.settings = run.read_json("settings.json")
        self.model = run.read_json("model.json")
        self.environment = run.read_json("environment.json")
        self.timings: dict[str, float] = run.read_json("timings.json")
        self.data = read_data(run)
        self.labels = Labels.of(self.model)
        self.names: tuple[str, ...] = tuple(p["name"] for p in self.model["prior"])
        self.routes: dict[str, RouteResult] = {
            LABELS.get(r, r): read_route(run, r) for r in finished_routes(run)
        }
        if not self.routes:
            raise StoreError(f"{run.path}: no route has finished any draws yet")
        n = len(self.names)  # what stands behind the parameters are shocks, as many as periods
        self.draws = {label: route.params[..., :n] for label, route in self.routes.items()}
        self.summaries = {
            LABELS.get(r, r): summarise(self.draws[LABELS.get(r, r)], superchains_of(self.settings, r))
            for r in finished_routes(run)
        }
        self.certificate = run.read_json("surrogate/certificate.json") if self.has_surrogate else None

    @property
    def titles(self) -> list[str]:
        """The parameters as they stand above a figure's panels."""
        return [self.labels.title(name) for name in self.names]

    def called(self, what: str) -> list[str]:
        """The "observables" or "shocks" of the model in its words."""
        return [self.labels.called(name) for name in self.model[what]]

    @property
    def has_surrogate(self) -> bool:
        return self.run.has("surrogate/certificate.json")

    @property
    def sample(self) -> str:
        """The first and the last period of the data."""
        return f"{self.data.index[0]}–{self.data.index[-1]}"

    @property
    def unit(self) -> str:
        """What the sample is counted in, such as "quarters"."""
        return unit_of(self.data.index)
