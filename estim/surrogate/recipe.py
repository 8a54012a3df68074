"""Recipes: how a surrogate is trained, as data that prints itself."""

from dataclasses import dataclass
from typing import Annotated

from estim.arguments import (
    ArgumentError,
    Fraction,
    NonNegativeReal,
    Positive,
    PositiveReal,
    at_least,
    below,
    check_fields,
    did_you_mean,
)


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
        num_members: networks in the ensemble; the surrogate is their mean. Their variance is used from MIN_MEMBERS on.
        validation_fraction: share of points that only judges, in stretches of neighbours.
        num_epochs: passes over the points.
        max_steps: bound on the number of minibatches; fewer passes where points are many.
        batch_size: points in a minibatch.
        learning_rate: at the start; it falls to zero along a cosine.
        weight_decay: of AdamW.
        patience: share of the epochs without a better validation loss after which training stops.

    Raises:
        ArgumentError: a field is of a wrong kind or out of its range.
    """

    whiten: bool = True
    quadratic: bool = True
    drop_fraction: Annotated[float, at_least(0), below(1)] = 0.2
    density_temperature: PositiveReal | None = 3.0
    gradient_weight: NonNegativeReal = 10.0
    hidden: tuple[Positive, ...] = (64, 64, 64)
    num_members: Positive = 6
    validation_fraction: Fraction = 0.05
    num_epochs: Positive = 400
    max_steps: Positive = 20_000
    batch_size: Positive = 128
    learning_rate: PositiveReal = 5e-3
    weight_decay: NonNegativeReal = 1e-2
    patience: PositiveReal = 0.3

    def __post_init__(self) -> None:
        check_fields(self)


MIN_MEMBERS = 5
"""Members of an ensemble from which on their variance is used; that of two has one degree of freedom, and choosing
points by it chooses mostly by chance."""

RECIPES = {
    "estim": Recipe(),
    # One larger network, where nothing asks for a variance; six small ones cost what two of these do.
    "single": Recipe(hidden=(128, 128, 128), num_members=1),
    # Kase, Rigato and Rottner (2024): standardised inputs and outputs, AdamW, cosine decay, 1000 epochs of 100.
    "paper": Recipe(
        whiten=False,
        quadratic=False,
        density_temperature=None,
        gradient_weight=0.0,
        hidden=(128, 128, 128),
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
"""``"estim"``, the default, ``"single"``, one network, and ``"paper"``, kept for comparison."""


def get_recipe(recipe: str | Recipe) -> Recipe:
    """A recipe by name, or the recipe itself.

    Raises:
        ArgumentError: no recipe has that name.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise ArgumentError(
            f"unknown recipe {recipe!r}; the recipes are {sorted(RECIPES)}{did_you_mean(recipe, RECIPES)}"
        )
    return RECIPES[recipe]
