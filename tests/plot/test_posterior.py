"""The Gaussian law of f_t: bands over the circle, error bars and coverage elsewhere."""

import numpy as np
import support


class PosteriorTest(support.Case):
    def setUp(self):
        super().setUp()
        self.random = np.random.default_rng(3)

    def circle(self, **more):
        training = {"data__train_index": np.arange(8), "data__train_target": np.zeros((8, 1))}
        config = support.circle_config(40, 8)
        return self.result(config=config, **support.posterior(self.random, 40, 1), **training, **more)

    def test_bands_on_the_circle(self):
        file = self.circle()
        self.assert_is_picture(self.draw(file, "posterior")[0])
        texts = self.texts(self.draw(file, "posterior", kind="svg")[0])
        for word in ("t = 0", "t = 100", "t = ∞", "mean ± 2 σ", "sample paths", "training points", "target", "2π"):
            self.assertIn(word, texts)

    def test_stored_quantiles_are_the_band(self):
        quantile = np.zeros((3, 2, 40, 1)) + np.array([-1.0, 1.0])[:, None, None]
        file = self.circle(posterior__level=np.array([0.05, 0.95]), posterior__quantile=quantile)
        texts = self.texts(self.draw(file, "posterior", kind="svg")[0])
        self.assertIn("5 % to 95 %", texts)
        self.assertNotIn("σ", texts)

    def test_error_bars_and_coverage_elsewhere(self):
        file = self.result(**support.posterior(self.random, 200, 10))
        self.assert_is_picture(self.draw(file, "posterior")[0])
        texts = self.texts(self.draw(file, "posterior", kind="svg")[0])
        for word in ("winning output, mean ± 2 σ", "its target", "central interval of probability", "t = ∞"):
            self.assertIn(word, texts)

    def test_a_single_time_without_samples_or_targets(self):
        arrays = {
            "posterior__time": np.array([np.inf]),
            "posterior__mean": self.random.normal(size=(1, 12, 2)),
            "posterior__variance": np.ones((1, 12)),
        }
        self.assert_is_picture(self.draw(self.result(**arrays), "posterior")[0])
        circle = {"config": support.circle_config(12, 8), "data__test_index": np.arange(12)}
        self.assert_is_picture(self.draw(self.result(**circle, **arrays), "posterior")[0])
