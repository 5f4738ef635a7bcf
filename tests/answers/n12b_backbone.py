import torch


def merged(W, A, B, alpha):
    return W + torch.einsum("ik,kj->ij", B, A) * (alpha / len(A))


def gradients():
    A, B = torch.tensor([[1.0, 2.0]], requires_grad=True), torch.zeros(2, 1, requires_grad=True)
    y = 2 * B @ (A @ torch.tensor([3.0, 1.0]))
    (y @ torch.tensor([1.0, -1.0])).backward()
    return torch.cat([A.grad.flatten(), B.grad.flatten()])


RIGHT = {
    "12b.1": [[1280, 0.078125], (1280.0, 0.0781)],
    "12b.2": [[0, 0, 10, -10], gradients()],
    "12b.3": [merged],
}

WRONG = {
    "12b.1": [[1280, 12.8], [16384, 1.0], [320, 0.0195], 1280],
    "12b.2": [[10, -10, 0, 0], [0, 0, 5, -5], [0, 0, 10, 10], [6, 2, 10, -10], 10],
    "12b.3": [
        lambda W, A, B, alpha: W + alpha * B @ A,
        lambda W, A, B, alpha: alpha / len(A) * B @ A,
        lambda W, A, B, alpha: W + alpha / A.shape[1] * B @ A,
        lambda W, A, B, alpha: W + alpha / len(A) * A @ B,
        lambda W, A, B, alpha: W + B @ A,
        1,
    ],
}
