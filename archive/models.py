"""Tables of what happened: orders, trades and transfers as the event stream told of them.

The fact a newcomer would get wrong: a row may be void. When Redis comes back without its last moments, their numbers
are given out again, and what the archive has of them is marked with the event that made it void, not deleted. A void
row answers no query; `void_by` is part of every key, so a void row and its successor can stand side by side.

Amounts are whole numbers in ticks, lots and atoms, as the engine has them; `ArchivedSymbol` says how to write them.
"""

from collections.abc import Mapping

import msgspec
from django.db import models

from engine.events import Amendment
from engine.records import ListedOrder, OrderListRecord, OrderRecord, PreventedMatch, decode_terms
from engine.types import ListKind, OrderStatus, OrderType, Side, StpMode, TimeInForce

Words = type[Side] | type[OrderType] | type[TimeInForce] | type[OrderStatus] | type[StpMode] | type[ListKind]


def _choices(names: Words) -> list[tuple[str, str]]:
    return [(str(name), str(name)) for name in names]


class Archived(models.Model):
    """What every archived row has: the venue, the last event that told of it, and whether it still counts."""

    venue = models.CharField(max_length=64)
    epoch = models.BigIntegerField()
    seq = models.BigIntegerField()
    void_by = models.CharField(max_length=40, default="", editable=False)  # "<epoch>-<seq>" of an event; "": it counts
    is_void = models.GeneratedField(
        expression=models.Case(models.When(void_by="", then=models.Value(False)), default=models.Value(True)),
        output_field=models.BooleanField(verbose_name="void"),
        db_persist=True,
    )

    class Meta:
        abstract = True


class ArchivedOrder(Archived):
    """An order as it was last seen. `placed_seq` is the first event that told of it.

    `terms` is what few orders have (engine/events.py, OrderTerms), as the JSON that stands in Redis; "" without.
    """

    placed_seq = models.BigIntegerField()
    symbol = models.CharField(max_length=20)
    order_id = models.BigIntegerField()
    account = models.BigIntegerField()
    client_order_id = models.CharField(max_length=255)
    side = models.CharField(max_length=4, choices=_choices(Side))
    type = models.CharField(max_length=20, choices=_choices(OrderType))
    time_in_force = models.CharField(max_length=3, choices=_choices(TimeInForce))
    status = models.CharField(max_length=16, choices=_choices(OrderStatus))
    price_ticks = models.BigIntegerField()
    lots = models.BigIntegerField()
    left_lots = models.BigIntegerField()
    filled_quote_atoms = models.BigIntegerField()
    quote_order_atoms = models.BigIntegerField()
    locked_atoms = models.BigIntegerField()
    created_ms = models.BigIntegerField()
    updated_ms = models.BigIntegerField()
    terms = models.TextField(default="", blank=True)

    class Meta:
        verbose_name = "archived order"
        ordering = ["-order_id"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "order_id", "void_by"], name="one_row_per_order"),
        ]
        indexes = [models.Index(fields=["venue", "account", "symbol", "order_id"], name="orders_of_account")]

    def __str__(self) -> str:
        return f"order {self.order_id}"

    def record(self) -> OrderRecord:
        """The order as the engine writes it."""
        return OrderRecord(
            left_lots=self.left_lots,
            lots=self.lots,
            filled_quote_atoms=self.filled_quote_atoms,
            locked_atoms=self.locked_atoms,
            updated_ms=self.updated_ms,
            status=OrderStatus(self.status),
            order_id=self.order_id,
            account=self.account,
            side=Side(self.side),
            price_ticks=self.price_ticks,
            type=OrderType(self.type),
            time_in_force=TimeInForce(self.time_in_force),
            created_ms=self.created_ms,
            client_order_id=self.client_order_id,
            quote_order_atoms=self.quote_order_atoms,
            terms=decode_terms(self.terms) if self.terms else None,
        )


class ArchivedTrade(Archived):
    """One fill, with both sides. A fee is in atoms of what its side received, or of the asset named for it.

    `aggregate_id`: fills of a taker at one price, which the public may see as one, share it.
    """

    symbol = models.CharField(max_length=20)
    trade_id = models.BigIntegerField()
    time_ms = models.BigIntegerField()
    price_ticks = models.BigIntegerField()
    lots = models.BigIntegerField()
    quote_atoms = models.BigIntegerField()
    taker_side = models.CharField(max_length=4, choices=_choices(Side))
    taker_account = models.BigIntegerField()
    taker_order_id = models.BigIntegerField()
    taker_fee_atoms = models.BigIntegerField()
    maker_account = models.BigIntegerField()
    maker_order_id = models.BigIntegerField()
    maker_fee_atoms = models.BigIntegerField()
    taker_fee_asset = models.CharField(max_length=16, blank=True, default="")
    maker_fee_asset = models.CharField(max_length=16, blank=True, default="")
    aggregate_id = models.BigIntegerField()

    class Meta:
        verbose_name = "archived trade"
        ordering = ["-time_ms", "-trade_id"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "symbol", "trade_id", "void_by"], name="one_row_per_trade"),
        ]
        indexes = [
            models.Index(fields=["venue", "taker_account", "symbol", "trade_id"], name="trades_of_taker"),
            models.Index(fields=["venue", "maker_account", "symbol", "trade_id"], name="trades_of_maker"),
            models.Index(fields=["venue", "time_ms"], name="trades_by_time"),
            models.Index(fields=["venue", "symbol", "aggregate_id"], name="trades_by_aggregate"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} trade {self.trade_id}"


class ArchivedPreventedMatch(Archived):
    """Two orders that self-trade prevention kept from trading with each other, and the lots either lost by it."""

    symbol = models.CharField(max_length=20)
    prevented_match_id = models.BigIntegerField()
    time_ms = models.BigIntegerField()
    price_ticks = models.BigIntegerField()
    mode = models.CharField(max_length=12, choices=_choices(StpMode))
    taker_account = models.BigIntegerField()
    taker_order_id = models.BigIntegerField()
    taker_prevented_lots = models.BigIntegerField()
    maker_account = models.BigIntegerField()
    maker_order_id = models.BigIntegerField()
    maker_prevented_lots = models.BigIntegerField()
    trade_group = models.BigIntegerField()

    class Meta:
        verbose_name = "archived prevented match"
        verbose_name_plural = "archived prevented matches"
        ordering = ["-time_ms", "-prevented_match_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "symbol", "prevented_match_id", "void_by"], name="one_row_per_prevented_match"
            ),
        ]
        indexes = [
            models.Index(fields=["venue", "symbol", "taker_order_id"], name="prevented_of_taker"),
            models.Index(fields=["venue", "symbol", "maker_order_id"], name="prevented_of_maker"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} prevented match {self.prevented_match_id}"

    def match(self) -> PreventedMatch:
        """The match as the engine writes it."""
        return PreventedMatch(
            prevented_match_id=self.prevented_match_id,
            price_ticks=self.price_ticks,
            mode=StpMode(self.mode),
            taker_account=self.taker_account,
            taker_order_id=self.taker_order_id,
            taker_prevented_lots=self.taker_prevented_lots,
            maker_account=self.maker_account,
            maker_order_id=self.maker_order_id,
            maker_prevented_lots=self.maker_prevented_lots,
            trade_group=self.trade_group,
        )


class ArchivedOrderList(Archived):
    """An order list as it was placed; the row never changes. How it stands is read from its orders.

    `orders` are [[order id, client order id], ...] as JSON, the working order of OTO and OTOCO first.
    """

    symbol = models.CharField(max_length=20)
    list_id = models.BigIntegerField()
    account = models.BigIntegerField()
    client_order_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=8, choices=_choices(ListKind))
    orders = models.TextField()
    time_ms = models.BigIntegerField()

    class Meta:
        verbose_name = "archived order list"
        ordering = ["-list_id"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "list_id", "void_by"], name="one_row_per_order_list"),
        ]
        indexes = [models.Index(fields=["venue", "account", "list_id"], name="lists_of_account")]

    def __str__(self) -> str:
        return f"order list {self.list_id}"

    @property
    def order_ids(self) -> list[int]:
        return [order.order_id for order in msgspec.json.decode(self.orders, type=list[ListedOrder])]

    def record(self, orders: Mapping[int, ArchivedOrder]) -> OrderListRecord:
        """The list as the engine writes it, from its orders by id."""
        known = [orders[order_id] for order_id in self.order_ids if order_id in orders]
        return OrderListRecord(
            list_id=self.list_id,
            updated_ms=max((order.updated_ms for order in known), default=self.time_ms),
            is_done=not any(OrderStatus(order.status).is_open for order in known),
            kind=ListKind(self.kind),
            account=self.account,
            created_ms=self.time_ms,
            client_order_id=self.client_order_id,
            orders=[ListedOrder(order.order_id, order.client_order_id) for order in known],
        )


class ArchivedAmendment(Archived):
    """An order became smaller where it stood, perhaps under another client order id; `number` as in Amendment."""

    symbol = models.CharField(max_length=20)
    order_id = models.BigIntegerField()
    account = models.BigIntegerField()
    number = models.SmallIntegerField()
    previous_client_order_id = models.CharField(max_length=255)
    client_order_id = models.CharField(max_length=255)
    previous_lots = models.BigIntegerField()
    lots = models.BigIntegerField()
    time_ms = models.BigIntegerField()

    class Meta:
        verbose_name = "archived amendment"
        ordering = ["-time_ms", "-seq", "number"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "order_id", "seq", "void_by"], name="one_row_per_amendment"),
        ]

    def __str__(self) -> str:
        return f"amendment of order {self.order_id}"

    def amendment(self) -> Amendment:
        """The amendment as the event told of it."""
        return Amendment(
            self.order_id, self.account, self.seq, self.number, self.previous_client_order_id, self.client_order_id,
            self.previous_lots, self.lots, self.time_ms,
        )  # fmt: skip


class ArchivedTransfer(Archived):
    """Money that came in (CREDIT) or went out (DEBIT). `seq` is the transfer's id."""

    class Direction(models.TextChoices):
        CREDIT = "CREDIT", "credit"
        DEBIT = "DEBIT", "debit"

    account = models.BigIntegerField()
    asset = models.CharField(max_length=16)
    direction = models.CharField(max_length=6, choices=Direction.choices)
    atoms = models.BigIntegerField()
    time_ms = models.BigIntegerField()

    class Meta:
        verbose_name = "archived transfer"
        ordering = ["-time_ms", "-seq"]
        constraints = [models.UniqueConstraint(fields=["venue", "epoch", "seq"], name="one_row_per_transfer")]
        indexes = [models.Index(fields=["venue", "account", "seq"], name="transfers_of_account")]

    def __str__(self) -> str:
        return f"transfer {self.seq}"


class ArchivedSymbol(models.Model):
    """How to write a symbol's whole numbers, as its last definition in the stream said."""

    venue = models.CharField(max_length=64)
    symbol = models.CharField(max_length=20)
    base = models.CharField(max_length=16)
    quote = models.CharField(max_length=16)
    base_decimals = models.SmallIntegerField()
    quote_decimals = models.SmallIntegerField()
    tick_units = models.BigIntegerField()
    lot_units = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["venue", "symbol"], name="one_row_per_symbol")]

    def __str__(self) -> str:
        return self.symbol


class ArchivedAccount(models.Model):
    """What an account number was called when the stream told of it."""

    venue = models.CharField(max_length=64)
    account = models.BigIntegerField()
    name = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["venue", "account"], name="one_row_per_account")]

    def __str__(self) -> str:
        return self.name


class Position(models.Model):
    """How far a venue's stream is in SQL; advances in the transaction that writes the rows."""

    venue = models.CharField(max_length=64, unique=True)
    epoch = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.venue} at {self.epoch}-{self.seq}"
