"""The MLP; `python service.py --port PORT`."""

from __future__ import annotations

import argparse

import litserve
import numpy as np
import torch

from benchmarks.inprocess.mlp import make_mlp


class Scoring(litserve.LitAPI):
    """The model, in each worker."""

    def setup(self, device: str) -> None:
        """Make the model."""
        torch.set_num_threads(1)
        self.model = make_mlp().to(device)

    # LitServe takes an annotation for the schema of the body.
    def decode_request(self, request) -> np.ndarray:  # noqa: ANN001
        """The row of a request."""
        return np.array(request["x"], dtype=np.float32)

    def batch(self, inputs: list[np.ndarray]) -> torch.Tensor:
        """Rows to a batch."""
        return torch.from_numpy(np.stack(inputs))

    def predict(self, batch: torch.Tensor) -> torch.Tensor:
        """Ten numbers for each row."""
        with torch.inference_mode():
            return self.model(batch)

    def unbatch(self, output: torch.Tensor) -> list[list[float]]:
        """A batch to rows."""
        return output.tolist()

    def encode_response(self, output: list[float]) -> list[float]:
        """The numbers of one row."""
        return output


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batch-timeout", type=float, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--http-servers", type=int, default=1)
    parser.add_argument("--fast-queue", action="store_true")
    options = parser.parse_args()
    api = Scoring(max_batch_size=64, batch_timeout=options.batch_timeout, api_path="/score")
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=options.workers, fast_queue=options.fast_queue
    )
    server.run(
        host="127.0.0.1",
        port=options.port,
        num_api_servers=options.http_servers,
        generate_client_file=False,
        log_level="warning",
    )
