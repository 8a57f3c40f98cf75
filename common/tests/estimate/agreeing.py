# Reads lists of ratios, and prints what scipy makes of each: the median, and
# the interval of the quantile test, which is Conover's, as ours is. None for
# a bound that there is not.
import json
import math
import sys

import numpy as np
from scipy.stats import gmean, quantile_test


def median(ratios):
    """Between two ratios in the middle lies their geometric mean."""
    count = len(ratios)
    middle = np.sort(ratios)[(count - 1) // 2 : count // 2 + 1]
    return gmean(middle)


def estimate(ratios):
    test = quantile_test(ratios, q=1, p=0.5, alternative="two-sided")
    interval = test.confidence_interval(confidence_level=0.95)
    bounds = [interval.low, interval.high]
    low, high = [None if math.isnan(it) else float(it) for it in bounds]
    return {"median": float(median(ratios)), "low": low, "high": high}


with open(sys.argv[1]) as file:
    samples = json.load(file)
print(json.dumps([estimate(ratios) for ratios in samples]))
