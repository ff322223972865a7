"""What an experiment will tell: Fisher matrices, biases, non-Gaussian forecasts, with error bars.

The faces are `derivkit.ForecastKit` and `derivkit.LikelihoodKit`; here is what they are made of.
"""
