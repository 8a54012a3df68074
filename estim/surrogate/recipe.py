"""Recipes: how a surrogate is trained, as data that prints itself."""

from dataclasses import dataclass
from typing import Annotated

from estim.arguments import ArgumentError, Fraction, PositiveReal, at_least, below, did_you_mean
from estim.networks.train import Training


@dataclass(frozen=True)
class Recipe(Training):
    """Settings of one training run: those of `Training`, and which points are learnt, in which units.

    Attributes:
        whiten: decorrelate the inputs; False only standardises each of them.
        quadratic: learn the correction to a fitted quadratic; False learns the standardised log-likelihood.
        drop_fraction: share of points, those of the lowest log-density, left out whatever it is: they hold the tails.
        density_temperature: a point whose log-density lies ``t`` temperatures below the
            bulk of the posterior weighs ``1 / (1 + t^2)``, and beyond twenty it is left out; None weighs all alike.
        validation_fraction: share of points that only judges, in stretches of neighbours.

    The surrogate is the mean of ``num_members`` networks; their variance is used from MIN_MEMBERS on.
    """

    whiten: bool = True
    quadratic: bool = True
    drop_fraction: Annotated[float, at_least(0), below(1)] = 0.0
    density_temperature: PositiveReal | None = 3.0
    validation_fraction: Fraction = 0.05


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
        drop_fraction=0.2,
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
