"""Trains a small network to tell languages by the numbers that are written out in them, and saves it: a few seconds."""

from __future__ import annotations

import torch
from guesser import LANGUAGES, LONGEST, LanguageGuesser

import jubako.torch
from jubako import Tag

ONES = {
    "English": "one two three four five six seven eight nine",
    "German": "ein zwei drei vier fünf sechs sieben acht neun",
    "French": "un deux trois quatre cinq six sept huit neuf",
    "Spanish": "uno dos tres cuatro cinco seis siete ocho nueve",
}
TENS = {
    "English": "twenty thirty forty fifty sixty seventy eighty ninety",
    "German": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "French": "vingt trente quarante cinquante soixante septante huitante nonante",
    "Spanish": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
}
PATTERNS = {"English": "{ten}-{one}", "German": "{one}und{ten}", "French": "{ten}-{one}", "Spanish": "{ten} y {one}"}


def write_numbers(language: str) -> list[str]:
    """The numbers with two digits that are no round ones, in words, as far as they follow the rule."""
    return [
        PATTERNS[language].format(ten=ten, one=one) for ten in TENS[language].split() for one in ONES[language].split()
    ]


def train() -> LanguageGuesser:
    """Return a trained model; the same every time."""
    torch.manual_seed(0)
    texts = [(text, place) for place, language in enumerate(LANGUAGES) for text in write_numbers(language)]
    longest = max(len(text.encode()) for text, _ in texts)
    tokens = torch.zeros(len(texts), longest, dtype=torch.int64)
    mask = torch.zeros(len(texts), longest, dtype=torch.bool)
    for row, (text, _) in enumerate(texts):
        encoded = text.encode()
        tokens[row, : len(encoded)] = torch.tensor(list(encoded))
        mask[row, : len(encoded)] = True
    wanted = torch.tensor([place for _, place in texts])
    model = LanguageGuesser(width=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(tokens, mask), wanted).backward()
        optimizer.step()
    return model.eval()


def train_and_save() -> Tag:
    """Return the exact tag of a new version of the model `languages`."""
    example = torch.zeros(1, LONGEST // 8, dtype=torch.int64)
    # Its class can be imported and `init` says how it is made, so it is stored as data: its tensors and nothing else.
    return jubako.torch.save("languages", train(), init={"width": 16}, example_inputs=example)


if __name__ == "__main__":
    print(f"saved {train_and_save()}")
