"""Django's entry for the simulation app: it has commands and endpoints, no tables."""

from django.apps import AppConfig


class SimulationConfig(AppConfig):
    name = "simulation"
    verbose_name = "Simulation"
