"""Training: recipes in, run folders out. The only room that imports Lightning."""

from signwise.train.checkpoint import load_model
from signwise.train.recipe import Recipe, list_recipes, load_recipe
from signwise.train.run import Result, fit

__all__ = ["Recipe", "Result", "fit", "list_recipes", "load_model", "load_recipe"]
