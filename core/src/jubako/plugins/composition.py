"""`Composition`: what all loaded plugins offer together, frozen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import attrs

from jubako._references import load_reference
from jubako.contracts.offers import Offer
from jubako.errors import InvalidArgument, MissingDependency
from jubako.plugins.explaining import explain_absence, explain_conflict, explain_missing, explain_unresolved
from jubako.plugins.kinds import kind_of, names_of
from jubako.plugins.report import PluginReport
from jubako.plugins.requirements import find_missing

AnyOffer = TypeVar("AnyOffer", bound=Offer)
Claims = Mapping[tuple[type[Offer], str], Sequence[tuple[Offer, PluginReport]]]


def claims_of(reports: Sequence[PluginReport]) -> Claims:
    """Who offers each name of each kind, in the order of the reports; the first report is the built-in plugin's.

    A name that the built-in plugin offers is its alone: one plugin must not take the rest down.
    """
    claims: dict[tuple[type[Offer], str], list[tuple[Offer, PluginReport]]] = defaultdict(list)
    for index, report in enumerate(reports):
        for offer in report.offers:
            for name in names_of(offer):
                holders = claims[kind_of(offer), name]
                if index == 0 or not holders or holders[0][1] is not reports[0]:
                    holders.append((offer, report))
    return {key: tuple(holders) for key, holders in claims.items()}


@attrs.frozen(eq=False)
class Composition:
    """What all loaded plugins offer; made by `compose`, never changed. Safe to share between threads.

    Args:
        reports: what became of each plugin: the built-in one first, then by name.
        unmatched: names of the allow-list and the deny-list that no installed plugin has.
    """

    reports: tuple[PluginReport, ...]
    unmatched: tuple[str, ...] = ()
    _claims: Claims = attrs.field(init=False, repr=False)
    _providers: Mapping[int, PluginReport] = attrs.field(init=False, repr=False)

    @_claims.default
    def _make_claims(self) -> Claims:
        return claims_of(self.reports)

    @_providers.default
    def _make_providers(self) -> Mapping[int, PluginReport]:
        # By identity: two plugins may hand over records that are equal.
        return {id(offer): report for report in self.reports for offer in report.offers}

    def offers(self, kind: type[AnyOffer]) -> tuple[AnyOffer, ...]:
        """The offers of one kind that can be used: not contested, and nothing missing when they were composed.

        The built-in plugin's come first, then the others' by the name of the plugin.
        """
        return tuple(
            offer
            for report in self.reports
            for offer in report.offers
            if isinstance(offer, kind) and self.is_usable(offer)
        )

    def is_usable(self, offer: Offer) -> bool:
        """True if no other plugin contests the offer's name and nothing was missing when it was composed.

        Raises:
            InvalidArgument: the offer is not of this composition.
        """
        report = self.provider(offer)
        return self._is_alone(offer) and all(missing.offer is not offer for missing in report.missing)

    def every(self, kind: type[AnyOffer]) -> tuple[AnyOffer, ...]:
        """All offers of one kind, for work that must not leave one out, such as a build's steps.

        Raises:
            PluginConflict: two plugins offer one name.
            MissingDependency: one needs a package that is not installed.
        """
        for (claimed, name), claims in self._claims.items():
            if claimed is kind and len(claims) > 1:
                raise explain_conflict(kind, name, [report for _, report in claims])
        found = tuple(
            offer
            for report in self.reports
            for offer in report.offers
            if isinstance(offer, kind) and self._is_alone(offer)
        )
        for offer in found:
            self._check_requirements(offer)
        return found

    def find(self, kind: type[AnyOffer], name: str) -> AnyOffer:
        """The offer of one kind that has this name or alias.

        Raises:
            OfferNotFound: no plugin offers it; names the plugin that failed, or the distribution to install.
            PluginConflict: several plugins offer it.
            MissingDependency: it needs a package that is not installed.
        """
        claims = self._claims.get((kind, name), ())
        if len(claims) > 1:
            raise explain_conflict(kind, name, [report for _, report in claims])
        if not claims:
            known = [known for claimed, known in self._claims if claimed is kind]
            raise explain_absence(kind, name, known, self.reports)
        offer = cast(AnyOffer, claims[0][0])
        self._check_requirements(offer)
        return offer

    def resolve(self, offer: Offer, field: str) -> Any:
        """Load what a text reference of an offer names; blocks for as long as the import takes.

        Args:
            offer: one of this composition.
            field: the attribute that holds the reference, such as `load_runner`.

        Raises:
            MissingDependency: a package is not installed; says which, who needs it, and what to install.
            PluginError: the plugin's module raised, or has no such name.
        """
        self._check_requirements(offer)
        reference = getattr(offer, field)
        try:
            return load_reference(reference)
        except MissingDependency as error:
            missing = (getattr(error.__cause__, "name", None) or "").partition(".")[0]
            if not missing or reference.startswith(f"{missing}."):
                # A part of the plugin itself is not there: nothing to install would bring it.
                raise explain_unresolved(offer, field, self.provider(offer), error.__cause__ or error) from error
            raise explain_missing(offer, self.provider(offer), [missing]) from error
        except (Exception, SystemExit) as error:  # the plugin's own code
            raise explain_unresolved(offer, field, self.provider(offer), error) from error

    def provider(self, offer: Offer) -> PluginReport:
        """The plugin that an offer came from.

        Raises:
            InvalidArgument: the offer is not of this composition.
        """
        try:
            return self._providers[id(offer)]
        except KeyError:
            raise InvalidArgument(
                f"{offer!r} is not of this composition.", do="take offers from its `offers` or `find`"
            ) from None

    def has_distribution(self, requirement: str) -> bool:
        """True if a distribution is installed that has a plugin, whatever became of it.

        Args:
            requirement: its name, or a requirement such as `jubako-toy==1.0`, of which any version will do.
        """
        name = requirement.partition("==")[0]
        return any(report.candidate.is_from(name) for report in self.reports)

    def _is_alone(self, offer: Offer) -> bool:
        claims = self._claims[kind_of(offer), offer.name]
        return len(claims) == 1 and claims[0][0] is offer

    def _check_requirements(self, offer: Offer) -> None:
        report = self.provider(offer)
        missing = find_missing(offer.requires)
        if missing:
            raise explain_missing(offer, report, missing)
