"""/healthz while all is well; tests of outages look at it too."""

import httpx

from engine.venue import Venue


async def test_healthz_tells_where_the_venue_is(http: httpx.AsyncClient, venue: Venue) -> None:
    clock = await venue.queries.clock()
    response = await http.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok", "venue": venue.name, "durability": "ci", "version": "0.0", "epoch": clock.epoch,
        "seq": clock.seq, "clock": "real",
    }  # fmt: skip


async def test_healthz_asks_the_scripts_not_only_the_server(http: httpx.AsyncClient, venue: Venue) -> None:
    """A counter that no script can read: PING would still be answered."""
    epoch = await venue.runner.command("HGET", venue.keys.meta, "epoch")
    seq = await venue.runner.command("HGET", venue.keys.meta, "seq")
    await venue.runner.command("RENAME", venue.keys.meta, venue.keys.meta + "-kept")
    await venue.runner.command("SET", venue.keys.meta, "no hash")
    response = await http.get("/healthz")
    await venue.runner.command("RENAME", venue.keys.meta + "-kept", venue.keys.meta)
    assert (response.status_code, response.json()["status"]) == (503, "unavailable")
    healthy = (await http.get("/healthz")).json()
    assert (healthy["epoch"], healthy["seq"]) == (int(epoch), int(seq))
