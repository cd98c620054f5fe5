"""Defects that people make in connectors, seeded one at a time into the reference connector (erp.py).

Each is a replacement of text, so this file is the whole list. ``item`` is the item of the acceptance suite
that must catch it; test_defects.py runs the suite on each.
"""

from typing import NamedTuple

READ = '        url = query.resume.get("url") or self.url('
LOOP = "            response = yield self.get(url)\n"
ROWS = '            rows, url = page["rows"], page["next"]\n'
YIELD = '            yield Records(rows, resume={"url": url}, complete=whole and not url)\n'
SEND = '        response = yield self.patch("/items", json={"items": items})\n'
TOLD = "        yield Outcomes([self.outcome(change, results[change.key]) for change in batch])\n"
IMPORT = "from bulkeditor.http.auth import OAuth2\n"
AUTH = '        return OAuth2(self.value("client_id"), self.secret("client_secret"), "/token")\n'
METHOD = "    def read(self, query: Query) -> Reading:\n"


class Defect(NamedTuple):
    item: str
    name: str
    old: str
    new: str
    also: tuple[str, str] = ("", "")


def before_read(code: str) -> tuple[str, str]:
    """Add a method in front of read()."""
    return METHOD, code + "\n" + METHOD


DEFECTS = [
    # --- config
    Defect("config", "a secret has to be given", "secret(default=None)", "secret()"),
    Defect(
        "config",
        "missing credentials are noticed by the server only",
        '        self.need("client_id", "client_secret")\n' + AUTH,
        '        return OAuth2(self.client_id or "x", self.client_secret or "x", "/token")\n',
    ),
    Defect(
        "config", "batch_size is not obeyed", *before_read("    def batch_limit(self):\n        return 50\n")
    ),
    Defect(
        "config", "sync_fields are not obeyed", *before_read("    def selected(self):\n        return ()\n")
    ),
    Defect(
        "config",
        "the address in the configuration is not used",
        *before_read(
            '    def config(self):\n        return {"integration": self.name, "client": self.client_id}\n'
        ),
    ),
    # --- check
    Defect("check", "nothing is probed", *before_read("    def probes(self):\n        return {}\n")),
    Defect(
        "check",
        "the probe asks nothing and is always content",
        *before_read(
            "    def probes(self):\n        def fine():\n            yield from ()\n            return 'fine'\n"
            "        return {'read': fine()}\n"
        ),
    ),
    Defect(
        "check",
        "the probe writes",
        *before_read(
            "    def probes(self):\n        def touch():\n"
            "            body = {'items': [{'item_no': 'SUITE-000', 'cost': 1}]}\n"
            "            yield self.patch('/items', json=body)\n            return 'fine'\n"
            "        return {'read': touch()}\n"
        ),
    ),
    Defect(
        "check",
        "the probe swallows what goes wrong",
        *before_read(
            "    def probes(self):\n        def calm():\n            try:\n"
            "                yield self.get('/items?limit=1')\n            except Exception:\n                pass\n"
            "            return 'fine'\n        return {'read': calm()}\n"
        ),
    ),
    # --- both modes agree
    Defect(
        "both_modes",
        "the class counts its reads",
        READ,
        "        MyERP.reads_made = getattr(MyERP, 'reads_made', 0) + 1\n"
        "        if MyERP.reads_made % 2 == 0:\n            return\n" + READ,
    ),
    Defect(
        "both_modes",
        "it looks for a running loop",
        '        items = [{"item_no": change.key, **self.payload(change)} for change in batch]\n',
        "        import asyncio\n        try:\n            asyncio.get_running_loop()\n"
        "            batch = Batch(batch.changes[:1])\n        except RuntimeError:\n            pass\n"
        '        items = [{"item_no": change.key, **self.payload(change)} for change in batch]\n',
    ),
    Defect(
        "both_modes",
        "answers are remembered by the class",
        LOOP + "            page = response.json()\n",
        "            kept = MyERP.__dict__.get('kept') or {}\n"
        "            bare = url.partition('&limit')[0][-12:] + str(url.partition('start=')[2][:3])\n"
        "            page = kept.get(bare)\n            if page is None:\n"
        "                response = yield self.get(url)\n                page = response.json()\n"
        "                MyERP.kept = {**kept, bare: page}\n",
    ),
    # --- two incremental reads
    Defect("incremental", "the bound is not sent", "            changed_after=query.since,\n", ""),
    Defect(
        "incremental",
        "bounds are exchanged",
        "            changed_after=query.since,\n            changed_before=query.until,\n",
        "            changed_after=query.until,\n            changed_before=query.since,\n",
    ),
    Defect(
        "incremental",
        "the bound is a day later",
        "            changed_after=query.since,\n",
        "            changed_after=query.since and query.since + timedelta(days=1),\n",
    ),
    Defect(
        "incremental",
        "the cursor is a field that never changes",
        '"sku", "changed_at", "ascending"',
        '"sku", "item_no", "none"',
    ),
    Defect(
        "incremental",
        "it looks back no further than the last row",
        "            changed_after=query.since,\n",
        "            changed_after=query.since and query.since + self.look_back,\n",
    ),
    Defect(
        "incremental",
        "the read has no upper bound and ends early",
        "        while url:\n",
        "        while url and 'start=6' not in url:\n",
    ),
    # --- ties on the cursor
    Defect(
        "ties",
        "the lower bound is exclusive",
        "            changed_after=query.since,\n",
        "            changed_after=query.since and query.since + self.look_back + timedelta(milliseconds=1),\n",
    ),
    Defect(
        "ties",
        "the next page begins behind the last cursor",
        ROWS,
        '            rows = page["rows"]\n'
        "            from datetime import datetime\n"
        "            last = datetime.fromisoformat(rows[-1]['changed_at']) if rows else None\n"
        "            url = page['next'] and self.url('/items', limit=query.page_size,\n"
        "                changed_after=last + timedelta(microseconds=1))\n",
    ),
    Defect(
        "ties",
        "rows with the cursor of the row before are taken for the same",
        ROWS,
        ROWS + "            rows = [row for at, row in enumerate(rows)\n"
        "                    if not at or row['changed_at'] != rows[at - 1]['changed_at']]\n",
    ),
    # --- a page that repeats
    Defect(
        "repeated_page",
        "a page that came before ends the read without a word",
        ROWS,
        "            if page['rows'] and page['rows'] == getattr(self, '_last', None):\n                return\n"
        "            object.__setattr__(self, '_last', page['rows'])\n" + ROWS,
    ),
    Defect(
        "repeated_page",
        "rows are numbered, so that no page is like another",
        ROWS + YIELD,
        ROWS + "            count = query.resume.get('n', 0) + getattr(self, '_n', 0) + 1\n"
        "            object.__setattr__(self, '_n', count)\n"
        "            rows = [{**row, 'n': count} for row in rows]\n"
        "            yield Records(rows, resume={'url': url, 'n': count}, complete=whole and not url)\n",
    ),
    Defect(
        "repeated_page",
        "a page that repeats is passed on as an empty one",
        ROWS + YIELD,
        ROWS + "            count = getattr(self, '_n', 0) + 1\n"
        "            object.__setattr__(self, '_n', count)\n"
        "            rows = [] if rows == getattr(self, '_last', None) else rows\n"
        "            object.__setattr__(self, '_last', rows or self._last)\n"
        "            yield Records(rows, resume={'url': url, 'n': count}, complete=whole and not url)\n",
    ),
    # --- an empty page
    Defect(
        "empty_page",
        "an empty page is taken for the end",
        YIELD,
        "            if not rows:\n                return\n" + YIELD,
    ),
    Defect(
        "empty_page",
        "a short page is taken for the end",
        YIELD,
        YIELD + "            if len(rows) < 3:\n                return\n",
    ),
    Defect(
        "empty_page",
        "what an empty page refers to is not followed",
        ROWS,
        ROWS + "            url = url if rows else None\n",
    ),
    Defect(
        "empty_page",
        "the first row of every page is looked at",
        YIELD,
        "            rows[0]\n" + YIELD,
    ),
    # --- 429 with Retry-After
    Defect(
        "throttle",
        "a page that is refused ends the read",
        LOOP,
        "            try:\n                response = yield self.get(url)\n"
        "            except be.RateLimitError:\n                return\n",
        also=("    limits = Limits(", "    retry = be.RetryPolicy(max_retries=0)\n    limits = Limits("),
    ),
    Defect(
        "throttle",
        "nothing is repeated",
        "    limits = Limits(",
        "    retry = be.RetryPolicy(max_retries=0)\n    limits = Limits(",
    ),
    Defect(
        "throttle",
        "nobody waits for more than a second",
        "    limits = Limits(",
        "    retry = be.RetryPolicy(max_retry_after=1000)\n    limits = Limits(",
    ),
    Defect(
        "throttle",
        "throttling is not worth a repeat",
        "    limits = Limits(",
        '    retry = be.RetryPolicy(retry_on=("timeout", "network_error"))\n    limits = Limits(',
    ),
    # --- a token that expires in the middle
    Defect(
        "expiry",
        "a token is fetched once and kept",
        AUTH,
        "        class Once(OAuth2):\n            def refused(self, response):\n                return False\n"
        '        return Once(self.value("client_id"), self.secret("client_secret"), "/token")\n',
    ),
    Defect(
        "expiry",
        "a 401 ends the read without a word",
        LOOP,
        "            try:\n                response = yield self.get(url)\n"
        "            except be.AuthenticationError:\n                return\n",
    ),
    Defect(
        "expiry",
        "another token is never asked for",
        AUTH,
        "        class Stuck(OAuth2):\n            def renew(self, token, now):\n                if token:\n"
        "                    return token\n                return (yield from super().renew(token, now))\n"
        '        return Stuck(self.value("client_id"), self.secret("client_secret"), "/token")\n',
    ),
    Defect(
        "expiry",
        "only reads get another token",
        SEND,
        "        try:\n            first = yield self.get('/deleted')\n        except be.AuthenticationError:\n"
        "            return\n        from attrs import evolve\n"
        "        signed = self.patch('/items', json={'items': items})\n"
        "        token = first.request.headers.get('authorization')\n"
        "        response = yield evolve(signed, authenticated=False)\n",
    ),
    # --- a batch of which some rows are refused
    Defect(
        "partial_batch",
        "a 200 is taken for success",
        TOLD,
        '        yield Outcomes([change.outcome("updated") for change in batch])\n',
    ),
    Defect(
        "partial_batch",
        "answers are matched by position",
        TOLD,
        "        rows = response.json()['results']\n"
        "        yield Outcomes([self.outcome(change, row) for change, row in zip(batch, rows)])\n",
    ),
    Defect(
        "partial_batch",
        "only successes are told",
        TOLD,
        "        yield Outcomes([self.outcome(change, results[change.key]) for change in batch\n"
        "                        if results[change.key]['ok']])\n",
    ),
    Defect(
        "partial_batch",
        "one refusal fails all",
        TOLD,
        "        bad = [row for row in results.values() if not row['ok']]\n"
        "        yield Outcomes([self.outcome(change, bad[0] if bad else results[change.key]) for change in batch])\n",
    ),
    Defect(
        "partial_batch",
        "the reason is lost",
        'return self.refusal(change, code=row["code"], message=row["message"], raw=row)',
        'return change.outcome("failed")',
    ),
    Defect(
        "partial_batch",
        "outcomes are told twice",
        TOLD,
        TOLD + TOLD,
    ),
    # --- a timeout leaves the outcome unknown
    Defect(
        "timeout",
        "a write is repeated when its answer is lost",
        SEND,
        '        response = yield self.request("PATCH", "/items", json={"items": items}, idempotent=True)\n',
    ),
    Defect(
        "timeout",
        "a lost answer is told as a failure",
        SEND,
        "        try:\n" + "    " + SEND + "        except be.TransportError as error:\n"
        "            yield Outcomes([change.outcome('failed', str(error)) for change in batch])\n            return\n",
    ),
    Defect(
        "timeout",
        "a lost answer is told as a success",
        SEND,
        "        try:\n" + "    " + SEND + "        except be.TransportError:\n"
        "            yield Outcomes([change.outcome('updated') for change in batch])\n            return\n",
    ),
    Defect(
        "timeout",
        "the connector sends again by itself",
        SEND,
        "        try:\n" + "    " + SEND + "        except be.TransportError:\n    " + SEND,
    ),
    Defect(
        "timeout",
        "every lost answer is a retry",
        METHOD,
        "    def classify(self, error):\n        from bulkeditor.connectors import Verdict\n"
        "        return Verdict('retry')\n\n" + METHOD,
    ),
    # --- going on after every page
    Defect("resume", "a page does not say where to go on", 'resume={"url": url}, ', ""),
    Defect(
        "resume",
        "a page says where it is, not where to go on",
        ROWS + YIELD,
        '            here, rows, url = url, page["rows"], page["next"]\n'
        '            yield Records(rows, resume={"url": here if url else None}, complete=whole and not url)\n',
    ),
    Defect("resume", "the place is not looked at", 'query.resume.get("url") or ', ""),
    Defect(
        "resume",
        "the place is no plain data",
        'resume={"url": url}',
        'resume={"url": url, "at": query.until} if url else None',
    ),
    Defect(
        "resume",
        "a resumed read leaves out a row",
        ROWS,
        ROWS + "            rows, query = (rows[1:], Query()) if query.resume else (rows, query)\n",
    ),
    # --- unchanged writes
    Defect(
        "unchanged",
        "what is compared is another field",
        'field("unit_price", Money)',
        'field("cost", Money)',
    ),
    Defect(
        "unchanged",
        "what is written is rounded",
        '"price": "unit_price", "cost": "cost", "inv',
        '"price": field("unit_price", Quantity), "cost": "cost", "inv',
    ),
    Defect(
        "unchanged",
        "a change of somebody else is not looked for",
        "    capabilities = Capabilities(by_key=True, ",
        '    capabilities = Capabilities(compare_and_swap={"price"}, ',
    ),
    Defect(
        "unchanged",
        "records are read by a name that the system does not know",
        "            item=query.keys or None,\n",
        "            sku=query.keys and '-'.join(query.keys),\n            limit_to=0,\n",
    ),
    # --- deletions
    Defect(
        "tombstones",
        "no scan is ever complete",
        "complete=whole and not url",
        "complete=False",
    ),
    Defect(
        "tombstones",
        "a scan that left out rows is called complete",
        YIELD,
        "            rows = [row for row in rows if row.get('unit_price') is not None]\n" + YIELD,
    ),
    Defect(
        "tombstones",
        "tombstones are declared and never sent",
        'deletions="full_scan"',
        'deletions="tombstones"',
    ),
    Defect(
        "tombstones",
        "every read says that something is gone",
        "complete=whole and not url)",
        'complete=whole and not url, deleted=[] if url else ["SUITE-000"])',
    ),
    # --- secrets
    Defect(
        "secrets",
        "the secret is no secret",
        "    client_secret: str | None = secret(default=None)",
        "    client_secret: str | None = setting(default=None)",
    ),
    Defect(
        "secrets",
        "the secret stands in the address",
        "            limit=query.page_size,\n",
        "            limit=query.page_size,\n            key=self.secret('client_secret').reveal(),\n",
    ),
    Defect(
        "secrets",
        "the secret is logged",
        LOOP,
        "            import logging\n"
        "            logging.getLogger('erp').info('as %s', self.secret('client_secret').reveal())\n" + LOOP,
    ),
    Defect(
        "secrets",
        "the secret stands in an outcome",
        'change.outcome("updated", raw=row)',
        'change.outcome("updated", self.secret("client_secret").reveal(), raw=row)',
    ),
    Defect(
        "secrets",
        "the secret is printed",
        SEND,
        "        print(self.secret('client_secret').reveal())\n" + SEND,
    ),
    # --- the ledger
    Defect(
        "ledger",
        "rows without a price are left out",
        YIELD,
        "            rows = [row for row in rows if row.get('unit_price')]\n" + YIELD,
    ),
    Defect(
        "ledger",
        "rows that are none are left out",
        YIELD,
        "            rows = [row for row in rows if 'item_no' in row]\n" + YIELD,
    ),
    Defect(
        "ledger",
        "the last row of a page is left out",
        YIELD,
        "            rows = rows[:-1] or rows\n" + YIELD,
    ),
    Defect(
        "ledger",
        "a row without stock stops the read",
        YIELD,
        "            [1 / row['on_hand'] for row in rows]\n" + YIELD,
    ),
    Defect(
        "ledger",
        "an error leaves changes without an outcome",
        SEND,
        "        try:\n" + "    " + SEND + "        except be.BulkEditorError:\n            return\n",
    ),
    # --- exact values
    Defect(
        "exact_values",
        "prices go through float",
        'field("unit_price", Money)',
        'field("unit_price", lambda value: float(value))',
    ),
    Defect(
        "exact_values",
        "numbers lose their zeros",
        '"sku": "item_no"',
        '"sku": field("item_no", lambda value: value.lstrip("0"))',
    ),
    Defect(
        "exact_values",
        "letter case is lost",
        '"sku": "item_no"',
        '"sku": field("item_no", str.upper)',
    ),
    Defect(
        "exact_values",
        "no price is a price of 0",
        'field("unit_price", Money)',
        'field(lambda row: row.get("unit_price") or 0, Money)',
    ),
    # --- reading by key
    Defect("by_key", "keys are not looked at", "            item=query.keys or None,\n", ""),
    Defect(
        "by_key",
        "only the first key is asked for",
        "            item=query.keys or None,\n",
        "            item=query.keys[:1] or None,\n",
    ),
    Defect(
        "by_key",
        "one page of them is read",
        "        while url:\n",
        "        while url and not (query.keys and 'page=' in url) and query.keys[1:] != ('SUITE-001',):\n",
    ),
]
