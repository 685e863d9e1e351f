"""GET of one object and of lists: paging by continue tokens, selectors, Tables."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from enum import Enum

from podium.sandbox.api.resources import Resource, Target
from podium.sandbox.api.selectors import Selection, read_selection
from podium.sandbox.api.statuses import StatusError, bad_request, encode, expired, not_found, ok, unknown_error
from podium.sandbox.api.tables import columns, partial, row
from podium.sandbox.settings import Settings
from podium.sandbox.wire.http import Answer, Request
from podium.sandbox.world.items import Item, Json, Now
from podium.sandbox.world.store import Snapshot, Store, TooOldError

CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
INCONSISTENT = -1
BATCH = 200


class Form(Enum):
    """In which shape objects go out."""

    WHOLE = "whole"
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"


def wanted_form(accept: str) -> Form:
    """Choose the shape an Accept header asks for first. Raises StatusError (406)."""
    for part in accept.split(",") if accept != "" else ["*/*"]:
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        named = dict(piece.partition("=")[::2] for piece in parameters)
        if kind not in ("application/json", "*/*", "application/*"):
            continue
        shape = named.get("as", "")
        if shape == "":
            return Form.WHOLE
        if named.get("g") == "meta.k8s.io" and named.get("v") == "v1":
            if shape == "Table":
                return Form.TABLE
            if shape in ("PartialObjectMetadata", "PartialObjectMetadataList"):
                return Form.METADATA
    words = "406: Not Acceptable\n\nAvailable representations: application/json, application/json;stream=watch"
    raise StatusError(406, "NotAcceptable", words, {})


@dataclass(frozen=True, slots=True)
class Page:
    """What a list request asks for."""

    limit: int | None
    token: str
    revision: str
    match: str


def bad_revision(text: str) -> str:
    """Return the API server's words for a resourceVersion that is no number."""
    return f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'


def read_page(request: Request, *, is_watch: bool = False) -> Page:
    """Read limit, continue and resourceVersion. Raises StatusError."""
    limit = request.first("limit")
    if limit is not None and not limit.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
    page = Page(
        int(limit) if limit not in (None, "", "0") else None,
        request.first("continue") or "",
        request.first("resourceVersion") or "",
        request.first("resourceVersionMatch") or "",
    )
    if page.token != "" and page.revision not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    if page.revision != "" and not page.revision.isdigit():
        if is_watch:
            raise unknown_error(bad_revision(page.revision))
        raise bad_request(f"invalid resource version: {bad_revision(page.revision)}")
    return page


def make_token(revision: int, namespace: str, name: str) -> str:
    """Return a continue token (apiserver storage.EncodeContinue)."""
    raw = {"v": "meta.k8s.io/v1", "rv": revision, "start": f"{namespace}/{name}\u0000"}
    return base64.urlsafe_b64encode(json.dumps(raw, separators=(",", ":")).encode()).decode().rstrip("=")


def read_token(token: str) -> tuple[int, tuple[str, str]]:
    """Return the revision and the last key of a continue token. Raises StatusError."""
    try:
        raw = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = str(raw["start"]).removesuffix("\u0000").partition("/")
        return int(raw["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError):
        words = "continue key is not valid: invalid character 'x' looking for beginning of value"
        raise bad_request(f"invalid continue token: {words}") from None


@dataclass(slots=True)
class Listing:
    """Answer reads from the store."""

    store: Store
    settings: Settings
    now: Now

    def get(self, target: Target, request: Request) -> Answer:
        """Return one object. Raises StatusError (404)."""
        resource = target.resource
        assert resource is not None
        item = self.store.get(target.plural, target.namespace if resource.namespaced else "", target.name)
        if item is None:
            raise not_found(target.group, target.plural, target.name)
        form = wanted_form(request.headers.get("accept", ""))
        if form is Form.TABLE:
            table = self._table(resource, [item], {"resourceVersion": str(item.revision)}, request)
            return Answer(200, encode(table))
        return ok(item.render() if form is Form.WHOLE else partial(item.render()))

    def list_all(self, target: Target, request: Request) -> Answer:
        """Return a page, or all. Raises StatusError."""
        resource = target.resource
        assert resource is not None
        selection = read_selection(request.first("labelSelector"), request.first("fieldSelector"), target.plural)
        page = read_page(request)
        form = wanted_form(request.headers.get("accept", ""))
        snapshot, after = self._start(target.plural, page)
        items, meta = self._cut(target, snapshot, after, page, selection)
        if form is Form.TABLE:
            return Answer(200, encode(self._table(resource, items, meta, request)))
        if form is Form.METADATA:
            rows = [partial(item.render()) for item in items]
            return ok(
                {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "items": rows}
            )
        head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": meta}
        return Answer(200, _stream(head, items))

    def _start(self, plural: str, page: Page) -> tuple[Snapshot, tuple[str, str] | None]:
        if page.token != "":
            revision, after = read_token(page.token)
            if revision == INCONSISTENT:
                return self.store.snapshot(plural), after
            try:
                return self.store.kept(plural, revision, self.settings.continue_seconds), after
            except TooOldError:
                error = expired(CONTINUE_EXPIRED)
                error.continue_token = make_token(INCONSISTENT, *after)
                raise error from None
        snapshot = self.store.snapshot(plural)
        wanted = int(page.revision or "0")
        if wanted > snapshot.revision:
            words = f"Timeout: Too large resource version: {wanted}, current: {snapshot.revision}"
            cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            raise StatusError(504, "Timeout", words, {"causes": [cause]}, retry_after=1)
        if page.match == "Exact" and wanted != snapshot.revision:
            try:
                return self.store.kept(plural, wanted, self.settings.continue_seconds), None
            except TooOldError:
                raise expired("The resourceVersion for the provided list is too old.") from None
        return snapshot, None

    def _cut(
        self, target: Target, snapshot: Snapshot, after: tuple[str, str] | None, page: Page, selection: Selection
    ) -> tuple[list[Item], Json]:
        namespace = target.namespace
        found: list[Item] = []
        for item in snapshot.items:
            if namespace not in ("", item.namespace):
                continue
            if after is not None and (item.namespace, item.name) <= after:
                continue
            if selection.is_empty or selection.matches(item.labels, item.fields):
                found.append(item)
        meta: Json = {"resourceVersion": str(snapshot.revision)}
        if page.limit is not None and len(found) > page.limit:
            left = len(found) - page.limit
            found = found[: page.limit]
            self.store.keep(target.plural, snapshot)
            meta["continue"] = make_token(snapshot.revision, found[-1].namespace, found[-1].name)
            if selection.is_empty:
                meta["remainingItemCount"] = left
        return found, meta

    def _table(self, resource: Resource, items: Iterable[Item], meta: Json, request: Request) -> Json:
        include = request.first("includeObject") or "Metadata"
        rows = [row(resource.plural, item, self.now(), include) for item in items]
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": meta,
            "columnDefinitions": columns(resource.plural),
            "rows": rows,
        }


def _item_bytes(item: Item) -> bytes:
    body = item.render()
    # objects inside a typed list carry no kind of their own
    del body["kind"], body["apiVersion"]
    return encode(body)[:-1]


def _stream(head: Json, items: list[Item]) -> bytes | AsyncIterator[bytes]:
    opening = encode(head)[:-2] + b',"items":['
    if len(items) <= BATCH:
        return opening + b",".join(_item_bytes(item) for item in items) + b"]}\n"
    return _batches(opening, items)


async def _batches(opening: bytes, items: list[Item]) -> AsyncIterator[bytes]:
    yield opening
    for at in range(0, len(items), BATCH):
        comma = b"," if at > 0 else b""
        yield comma + b",".join(_item_bytes(item) for item in items[at : at + BATCH])
        await asyncio.sleep(0)
    yield b"]}\n"
