"""Recipes: how a surrogate is trained, as data that prints itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Settings of one training run.

    Attributes:
        whiten: decorrelate the inputs; False only standardises each of them.
        quadratic: learn the correction to a fitted quadratic; False learns the standardised log-likelihood.
        drop_fraction: share of points, those of the lowest log-density, left out.
        density_temperature: a point whose log-density lies ``t`` temperatures below the
            bulk of the posterior weighs ``1 / (1 + t^2)``; None weighs all alike.
        gradient_weight: weight of the squared gradient error beside the squared error (Sobolev
            training; Czarnecki et al. 2017); 0 ignores gradients.
        hidden: units of each hidden layer.
        num_members: networks in the ensemble; the surrogate is their mean.
        validation_fraction: share of points that only judges.
        num_epochs: passes over the points.
        max_steps: bound on the number of minibatches; fewer passes where points are many.
        batch_size: points in a minibatch.
        learning_rate: at the start; it falls to zero along a cosine.
        weight_decay: of AdamW.
        patience: share of the epochs without a better validation loss after which training stops.
    """

    whiten: bool = True
    quadratic: bool = True
    drop_fraction: float = 0.2
    density_temperature: float | None = 3.0
    gradient_weight: float = 10.0
    hidden: tuple[int, ...] = (128, 128, 128)
    num_members: int = 2
    validation_fraction: float = 0.05
    num_epochs: int = 400
    max_steps: int = 20_000
    batch_size: int = 128
    learning_rate: float = 5e-3
    weight_decay: float = 1e-2
    patience: float = 0.3


RECIPES = {
    "estim": Recipe(),
    # Kase, Rigato and Rottner (2024): standardised inputs and outputs, AdamW, cosine decay, 1000 epochs of 100.
    "paper": Recipe(
        whiten=False,
        quadratic=False,
        density_temperature=None,
        gradient_weight=0.0,
        num_members=1,
        validation_fraction=0.2,
        num_epochs=1000,
        max_steps=1_000_000_000,
        batch_size=100,
        learning_rate=1e-3,
        weight_decay=1e-4,
        patience=1.0,
    ),
}
"""``"estim"``, the default, and ``"paper"``, kept for comparison."""


def get_recipe(recipe: str | Recipe) -> Recipe:
    """A recipe by name, or the recipe itself.

    Raises:
        ValueError: no recipe has that name.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}; the recipes are {sorted(RECIPES)}")
    return RECIPES[recipe]
