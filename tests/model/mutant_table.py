"""Mistakes that somebody could make in the Lua scripts, each as one replacement of text.

The fact a newcomer would get wrong: a row whose old text stands in its file not exactly once is an error of this table,
not a killed mutant. Whoever changes a script mends the rows that name what he changed.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """`old` stands in `file` (below engine/lua) exactly once and becomes `new`. `tests` notice it if random commands,
    for which it is too rare, do not.
    """

    file: str
    old: str
    new: str
    what: str
    tests: str = ""


MUTANTS = [
    # Meeting the book.
    Mutant(
        "lib/walk.lua",
        "taker_is_buy and price > limit",
        "taker_is_buy and price >= limit",
        "a purchase stops before its own limit",
    ),
    Mutant(
        "lib/walk.lua",
        "not taker_is_buy and price < limit",
        "not taker_is_buy and price <= limit",
        "a sale stops before its own limit",
    ),
    Mutant(
        "lib/walk.lua",
        "if again and (not upcoming or upcoming.price ~= again.price) then",
        "if again then",
        "a refilled iceberg keeps its place in front",
    ),
    Mutant(
        "lib/matching.lua",
        "maker.queues_again, maker.is_waiting = true, true",
        "maker.queues_again, maker.is_waiting = false, true",
        "a refilled iceberg gets no new place in the queue",
    ),
    Mutant(
        "lib/matching.lua",
        "shown = math.min(tonumber(maker.terms[ICEBERG]), maker.left)",
        "shown = maker.left",
        "a refilled iceberg shows all it has",
    ),
    Mutant(
        "lib/matching.lua",
        "taker_fee, maker_fee = share_of(base, market.taker_fee_e8), share_of(quote, market.maker_fee_e8)",
        "taker_fee, maker_fee = share_of(base, market.maker_fee_e8), share_of(quote, market.taker_fee_e8)",
        "maker and taker pay each other's rate",
    ),
    Mutant(
        "lib/matching.lua",
        "plan.received = plan.received + base - taker_fee",
        "plan.received = plan.received + base",
        "a buying taker pays no fee",
    ),
    Mutant(
        "lib/matching.lua",
        "move(market.base, maker.account, base - maker_fee, 0)",
        "move(market.base, maker.account, base, 0)",
        "a buying maker pays no fee",
    ),
    Mutant(
        "lib/matching.lua",
        "local rest = maker.left == 0 and maker.locked or 0",
        "local rest = 0",
        "what rounding left over of a purchase stays locked",
    ),
    Mutant(
        "lib/matching.lua",
        "  market.last_price = price\n",
        "",
        "a trade does not move the last price",
    ),
    Mutant(
        "lib/matching.lua",
        "if price ~= market.last_price then market.path",
        "if not market.path[1] then market.path",
        "only the first price of a step is shown to stops",
    ),
    Mutant(
        "lib/walk.lua",
        "return math.floor(budget * market.divisor / (price * market.multiplier))",
        "return math.ceil(budget * market.divisor / (price * market.multiplier))",
        "money buys a lot too many",
    ),
    Mutant(
        "lib/matching.lua",
        "if met == room then",
        "if met > room then",
        "one match too many in a step",
    ),
    Mutant(
        "lib/matching.lua",
        "local take = math.min(shown, lots - found)",
        "local take = math.min(maker.left, lots - found)",
        "a fill-or-kill order counts an iceberg's rest before its turn",
    ),
    # Self-trade prevention.
    Mutant(
        "lib/matching.lua",
        'if mode == "EXPIRE_TAKER" or mode == "EXPIRE_BOTH" then from_taker',
        'if mode == "EXPIRE_MAKER" or mode == "EXPIRE_BOTH" then from_taker',
        "prevention takes from the wrong side",
    ),
    Mutant(
        "lib/matching.lua",
        '    plan_unlock(market, maker, taker.side == "SELL")\n',
        "",
        "what prevention takes from a maker stays locked",
    ),
    Mutant(
        "lib/matching.lua",
        'if taker.stp ~= "TRANSFER" or maker.terms',
        "if true or maker.terms",
        "money is moved without the maker's consent",
    ),
    Mutant(
        "lib/matching.lua",
        "maker.terms[PREVENTED] = int(tonumber(maker.terms[PREVENTED]) + from_maker)",
        "maker.terms[PREVENTED] = int(from_maker)",
        "a maker forgets what earlier matches prevented",
    ),
    Mutant(
        "lib/matching.lua",
        'elseif taker.stp ~= "EXPIRE_MAKER" then',
        "else",
        "a fill-or-kill order is killed for an own one that would only go away",
    ),
    Mutant(
        "lib/execution.lua",
        "taker.own[member] = true",
        "taker.own[member] = nil",
        "a trade group trades with itself",
    ),
    # Numbers and money.
    Mutant(
        "lib/market.lua",
        "local product = price * lots * market.multiplier + market.divisor - 1",
        "local product = price * lots * market.multiplier",
        "a lock is rounded down",
    ),
    Mutant(
        "lib/number.lua",
        'return tonumber(text or "0") >= atoms',
        'return tonumber(text or "0") > atoms',
        "all the money there is is not enough",
    ),
    Mutant(
        "lib/number.lua",
        "math.floor(low * rate_e8 / whole_e8)",
        "math.ceil(low * rate_e8 / whole_e8)",
        "fees are rounded up",
    ),
    Mutant(
        "lib/ledger.lua",
        'if ledger.fees ~= 0 then redis.call("HINCRBY", ledger.key, "#fees", int(ledger.fees)) end',
        "",
        "fees vanish",
    ),
    # A step and its order.
    Mutant(
        "lib/execution.lua",
        "move(pays, order.account, order.locked - locked - plan.spent, locked - order.locked)",
        "move(pays, order.account, order.locked - locked - plan.spent, locked)",
        "a taker's lock is never released",
    ),
    Mutant(
        "lib/execution.lua",
        "if order.is_late then",
        "if false then",
        "a triggered order queues by its age",
    ),
    Mutant(
        "lib/execution.lua",
        "order.lots = order.lots + plan.lots + plan.prevented",
        "order.lots = order.lots + plan.lots",
        "an order by quote amount loses what was prevented",
    ),
    Mutant(
        "lib/execution.lua",
        ' and plan.stop ~= "killed" and not',
        " and not",
        "a killed maker-only order rests",
    ),
    Mutant(
        "lib/execution.lua",
        'plan.status = "EXPIRED_IN_MATCH"',
        'plan.status = "EXPIRED"',
        "an order that prevention stopped only expires",
    ),
    Mutant(
        "lib/placing.lua",
        "if notional < market.min_notional then",
        "if notional <= market.min_notional then",
        "the smallest notional itself is refused",
    ),
    Mutant(
        "lib/placing.lua",
        "if order.quote_order == 0 then return order.lots * market.base_atoms_per_lot end",
        "if order.quote_order == 0 then return plan.lots * market.base_atoms_per_lot end",
        "a market sale need not have all that it offers",
    ),
    Mutant(
        "lib/resting.lua",
        "tonumber(best) <= price",
        "tonumber(best) < price",
        "a purchase at the best ask rests",
    ),
    Mutant(
        "lib/leaving.lua",
        "plan_shrink(market, leaving, order, is_working(order) and shown_of(order) or 0, order.locked)",
        "plan_shrink(market, leaving, order, is_working(order) and order.left or 0, order.locked)",
        "a cancelled iceberg takes its hidden part off the level",
    ),
    Mutant(
        "reduce_order.lua",
        "if lots <= used or lots >= order.lots then",
        "if lots <= used or lots > order.lots then",
        "an order is reduced to what it was",
    ),
    # Triggers.
    Mutant(
        "lib/triggers.lua",
        "stops[stops.next].trigger <= price",
        "stops[stops.next].trigger < price",
        "a price at a stop does not trigger it from below",
    ),
    Mutant(
        "lib/triggers.lua",
        "return a.member < b.member\nend",
        "return a.member > b.member\nend",
        "of stops at one price the youngest comes first",
    ),
    Mutant(
        "lib/triggers.lua",
        "if a.rank ~= b.rank then return a.rank < b.rank end",
        "if a.rank ~= b.rank then return a.rank > b.rank end",
        "the farthest stop comes first",
    ),
    Mutant(
        "lib/triggers.lua",
        "local trigger = math.floor(order.best * (BIPS - order.bips) / BIPS)",
        "local trigger = math.ceil(order.best * (BIPS - order.bips) / BIPS)",
        "a trail is rounded the wrong way",
    ),
    Mutant(
        "lib/triggers.lua",
        "if is_sell and price > order.best or not is_sell and price < order.best then",
        "if is_sell and price > order.best then",
        "a purchase does not trail",
    ),
    Mutant(
        "lib/triggers.lua",
        'commit_pages("RPUSH", TRIGGERED, plan.members)',
        'commit_pages("LPUSH", TRIGGERED, plan.members)',
        "the last that was triggered takes first",
    ),
    Mutant(
        "lib/triggers.lua",
        '  redis.call("ZREM", STOPS, unpack(members))\n',
        "",
        "a cancelled stop still waits",
    ),
    Mutant(
        "lib/contingent.lua",
        "return stop > 0 and last > 0 and (order.above and last >= stop",
        "return stop > 0 and last > 0 and (order.above and last > stop",
        "a stop at the last price is accepted",
    ),
    Mutant(
        "lib/contingent.lua",
        "if price == 0 then price = stop > 0 and stop or market.last_price end",
        "if price == 0 then price = market.last_price end",
        "a stop without a limit locks too little",
    ),
    # Order lists.
    Mutant(
        "lib/lists.lua",
        'if other.type == "LIMIT_MAKER" then return other, one end',
        "",
        "of a pair the stop locks what the order in the book will spend",
    ),
    Mutant(
        "lib/lists.lua",
        "leg.has_begun = leg.left < leg.lots or",
        "leg.has_begun =",
        "a fill of one order of a pair leaves the other alone",
    ),
    Mutant(
        "lib/lists.lua",
        'return leg.status == "CANCELED" and "CANCELED" or "EXPIRED"',
        'return "EXPIRED"',
        "a cancelled order makes the other expire",
    ),
    Mutant(
        "lib/lists.lua",
        (
            '    market.waiting = market.waiting - redis.call("LREM", TRIGGERED, "0", member)\n    '
            '  - redis.call("LREM", TRIGGERED, "0", "+" .. member)\n'
        ),
        "",
        "an order that its list ended still takes when its turn comes",
    ),
    Mutant(
        "lib/lists.lua",
        "local record = other.is_open and not ends[other] and plan_inheritance(market, other, leg)",
        "local record = nil",
        "the stop of a pair takes over nothing",
    ),
    Mutant(
        "lib/lists.lua",
        'elseif working and working.status ~= "FILLED" then',
        "elseif false then",
        "pending orders begin although the working order expired",
    ),
    Mutant(
        "replace_order.lua",
        "commit_cascade(market, MAX_STEPS)",
        "local _ = MAX_STEPS",
        "a replaced order's list ends behind the new order",
    ),
    # Matching rules.
    Mutant(
        "lib/rounds.lua", "if lots >= level then", "if lots > level + 1 then", "who takes a level whole asks the rule"
    ),
    Mutant("lib/rounds.lua", "and own or others", "and others or others", "own orders have a share of their level"),
    Mutant(
        "lib/rounds.lua",
        "(walk.is_decided or #walk.again",
        "(#walk.again",
        "the next step shares out again what is shared out already",
    ),
    Mutant(
        "lib/rounds.lua",
        "for i = walk.turn, #walk.round do",
        "for i = walk.turn + 1, #walk.round do",
        "the next step passes over whom the step could not meet any more",
    ),
    Mutant(
        "rules/pro_rata.lua",
        "own - shares[i], left",
        "own, left",
        "what rounding leaves over exceeds an order",
        "tests/model/test_sharing.py",
    ),
    Mutant(
        "rules/price_time_pro_rata.lua",
        "own - shares[i]\n",
        "own\n",
        "shares by size count what has gone by time",
    ),
    # Fees of three kinds, and in another asset.
    Mutant(
        "lib/commissions.lua",
        'nearest_share(side.received, rate("special")) + nearest_share(side.received, rate("tax"))',
        'nearest_share(side.received, rate("special"))',
        "no tax is paid",
    ),
    Mutant(
        "lib/commissions.lua",
        "wide.product(wide.of(others), wide.of(E8))",
        "wide.product(wide.of(others), wide.of(rates.discount_ratio))",
        "the discount goes for tax as well",
    ),
    Mutant(
        "lib/commissions.lua",
        "tell_fee(market, side, side.discounted, market.discount_asset)",
        'tell_fee(market, side, side.discounted, "")',
        "a fee in the discount asset is told as one in what was received",
    ),
    Mutant(
        "lib/commissions.lua",
        "enough(free_before(ledger, side.account), -change)",
        "true",
        "who has too little of the discount asset pays in it all the same",
    ),
    Mutant(
        "lib/commissions.lua",
        'local party = side.is_buyer and "buyer" or "seller"',
        'local party = side.is_buyer and "seller" or "buyer"',
        "buyer and seller pay each other's rates",
    ),
    Mutant(
        "lib/commissions.lua",
        "(low * rate_e8 + E8 / 2) / E8",
        "low * rate_e8 / E8",
        "tax is rounded down",
    ),
    # Limits, the circuit breaker and pegs.
    Mutant(
        "lib/limits.lua",
        "      if standing + new[kind.name] > most then",
        "      if standing + new[kind.name] >= most then",
        "one open order fewer than the filter allows",
    ),
    Mutant(
        "lib/limits.lua",
        "if standing and standing + new.orders > most then",
        "if standing and standing + new.orders >= most then",
        "one open order fewer than the account may have",
    ),
    Mutant(
        "lib/limits.lua",
        'or order.type ~= "MARKET" and order.time_in_force == "GTC"',
        'or order.type ~= "MARKET"',
        "an order that cannot rest counts as open",
    ),
    Mutant(
        "lib/limits.lua",
        'if side_and_price(order) == "BUY" then',
        'if side_and_price(order) == "SELL" then',
        "a position counts open sales",
    ),
    Mutant(
        "lib/limits.lua",
        "known_day == day and wide.sum(ordered, wide.of_text(spent)) or ordered",
        "ordered",
        "every order has a day of its own",
    ),
    Mutant(
        "lib/bands.lua",
        "if up and select(2, compare(price, average, up)) then return up end",
        "if up and not compare(price, average, up) then return up end",
        "the highest price allowed is refused",
        "tests/engine/test_limits.py",
    ),
    Mutant(
        "lib/bands.lua",
        'side == "BUY" and "bid_" or "ask_"',
        'side == "BUY" and "ask_" or "bid_"',
        "the bands of the sides are mixed up",
    ),
    Mutant(
        "lib/breaker.lua",
        "if age >= 0 and age <= seconds then",
        "if age >= 0 and age < seconds then",
        "the breaker looks back a second less",
        "tests/engine/test_limits.py",
    ),
    Mutant(
        "lib/breaker.lua",
        "if (price - low) * BIPS > low * bips then return low end",
        "if (price - low) * BIPS >= low * bips then return low end",
        "the breaker halts at its bound",
        "tests/engine/test_limits.py",
    ),
    Mutant(
        "lib/execution.lua",
        "if may_trigger and not market.halt then plan_triggers(market) end",
        "plan_triggers(market)",
        "a halt triggers stops",
    ),
    Mutant(
        "lib/pegs.lua",
        "order.terms[PEG] == '\"PRIMARY_PEG\"'",
        "order.terms[PEG] == '\"MARKET_PEG\"'",
        "pegs look at the wrong side",
    ),
    Mutant(
        "lib/pegs.lua",
        "return not notional or notional < market.min_notional",
        "return not notional",
        "a pegged order may be worth nothing",
    ),
    # The auction.
    Mutant(
        "lib/auction_price.lua",
        "then return one.surplus < other.surplus end",
        "then return one.surplus > other.surplus end",
        "an auction leaves as much over as it can",
    ),
    Mutant(
        "lib/auction_price.lua",
        "math.min(math.max(last_price, before + 1), price - 1)",
        "before + 1",
        "between two prices an auction takes the lowest",
        "tests/engine/test_auction.py",
    ),
    Mutant(
        "lib/auction.lua",
        "if tonumber(ask.id) < tonumber(bid.id) then",
        "if tonumber(ask.id) > tonumber(bid.id) then",
        "in an auction the younger order makes",
    ),
    Mutant(
        "lib/auction.lua",
        "plan_unlock(market, bid, true)",
        "plan_unlock(market, ask, false)",
        "what a bid saves in an auction stays locked",
    ),
    Mutant(
        "lib/auction.lua",
        "plan_consequences(market, true)",
        "plan_consequences(market, false)",
        "an auction triggers nothing",
    ),
    # Orders that pay for others.
    Mutant(
        "lib/paying.lua",
        "free_base(market, account) >= fee then",
        "free_base(market, account) > fee then",
        "a commission is not taken from what is just enough",
        "tests/engine/test_opo.py",
    ),
    Mutant(
        "lib/paying.lua",
        "math.floor(pending[1].locked / market.base_atoms_per_lot)",
        "math.ceil(pending[1].locked / market.base_atoms_per_lot)",
        "a paid order sells more than was bought",
    ),
    Mutant(
        "lib/paying.lua",
        'if leg.left < rule_of(definition, "min_lots") then',
        'if leg.left <= rule_of(definition, "min_lots") then',
        "the smallest quantity itself is too small for a paid order",
        "tests/engine/test_opo.py",
    ),
    Mutant(
        "lib/paying.lua",
        "account == other_account or market",
        "market",
        "in a trade with oneself the commission is taken from what is sold",
    ),
    Mutant(
        "lib/lists.lua",
        "  move(market.base, main.account, held - needed, needed - held)\n",
        "",
        "what a paid order cannot sell stays locked",
    ),
    # Pegs in lists.
    Mutant(
        "lib/cascade.lua",
        'if order.type == "LIMIT_MAKER" then main, extra = pair_of(order) end',
        "",
        "the stop beside a pegged order keeps its lock",
    ),
    Mutant(
        "lib/cascade.lua",
        "enough(free, needed - order.locked - freed)",
        "enough(free, needed - order.locked)",
        "money that the stop beside a pegged order frees does not count",
        "tests/engine/test_pegged_lists.py",
    ),
    Mutant(
        "place_order_list.lua",
        "\n    or is_pair and refusal_astray(market, order)",
        "",
        "a pegged order of a pair may find a price on the wrong side",
    ),
    Mutant(
        "lib/pegs.lua",
        "    and not band_broken(market, order.side, order.price)\n",
        "",
        "PERCENT_PRICE does not judge a pegged order that has waited",
        "tests/engine/test_pegged_orders.py",
    ),
    # The reference price, the range around it, and filters that look at it.
    Mutant(
        "lib/matching.lua",
        "(price < range.low or price > range.high)",
        "(price < range.low or price >= range.high)",
        "the highest price of the range is outside of it",
    ),
    Mutant(
        "lib/reference.lua",
        'if side == "SELL" then up, down',
        'if side == "BUY" then up, down',
        "sales have the range of purchases",
    ),
    Mutant(
        "lib/reference.lua",
        "  if is_unfinished then return read_range() end\n",
        "",
        "a taker's own trades move its range",
        "tests/engine/test_price_range.py",
    ),
    Mutant(
        "lib/reference.lua",
        "((is_highest or wide.number(rest) == 0) and 0 or 1)",
        "0",
        "the lowest price of the range is rounded down",
        "tests/engine/test_price_range.py",
    ),
    Mutant(
        "lib/reference.lua",
        "if bucket.open >= cutoff then",
        "if true then",
        "the oldest bucket counts whole",
        "tests/engine/test_reference_in_filters.py",
    ),
    Mutant(
        "lib/reference.lua",
        "if open + width > cutoff and",
        "if open > cutoff and",
        "a bucket is dropped before its end",
        "tests/engine/test_reference_in_filters.py",
    ),
    Mutant(
        "lib/reference.lua",
        "current.trades + #market.fills",
        "current.trades + 1",
        "a step counts as one trade",
    ),
    Mutant(
        "lib/reference.lua",
        "  if market.execution_rules then\n    local reference",
        "  if false then\n    local reference",
        "filters look at the last price alone",
    ),
    Mutant(
        "lib/reference.lua",
        "(wide.number(rest) > 0 and 1 or 0)",
        "0",
        "what an order is worth at the reference price is rounded down",
        "tests/engine/test_reference_in_filters.py",
    ),
    Mutant(
        "lib/bands.lua",
        "wide.less(given, bound), wide.less(bound, given)",
        "wide.less(given, bound), not wide.less(given, bound)",
        "the highest multiple of the reference price is refused",
        "tests/engine/test_reference_in_filters.py",
    ),
    # Recorded history.
    Mutant(
        "lib/tape.lua",
        "  market.limits = market.execution_rules\n",
        "",
        "filters do not judge what the tape triggers",
        "tests/engine/test_price_range.py",
    ),
    Mutant(
        "lib/tape.lua",
        "level.taken + level.left - level.actual",
        "level.taken",
        "what users took comes back with the next frame",
    ),
    Mutant(
        "lib/tape.lua",
        "level.has_followers = last[1] ~= order.member",
        "level.has_followers = false",
        "the tape's orders grow in front of users'",
        "tests/tape/test_frames.py",
    ),
    Mutant(
        "lib/tape.lua",
        "  taker.allocation = allocation ",
        "  taker.allocation = nil ",
        "the tape shares out a round again that it is amid",
        "tests/engine/test_matching_rules.py",
    ),
    Mutant(
        "lib/tape.lua",
        "if wall and sign * tonumber(level.price) <= sign * wall then",
        "if wall and sign * tonumber(level.price) < sign * wall then",
        "a quote at the price of a user's order does not meet it",
    ),
    Mutant(
        "apply_tape_frame.lua",
        "    if recorded == 0 then level.taken = 0 end\n",
        "",
        "a level that was empty is still short of what was taken",
    ),
    Mutant(
        "apply_tape_frame.lua",
        "tonumber(level.price) >= lowest_ask",
        "tonumber(level.price) > lowest_ask",
        "two quotes at one price cross",
    ),
    Mutant(
        "play_tape_trade.lua",
        "level.taken = taken\ncommit_orders",
        "commit_orders",
        "what users met of a trade is missing from the level",
    ),
    Mutant(
        "play_tape_trade.lua",
        "if withdrawn.actual > 0 then",
        "if false then",
        "quotes better than a trade stay",
    ),
    # More of auctions.
    Mutant(
        "lib/auction_price.lua",
        "return one.distance < other.distance end",
        "return one.distance > other.distance end",
        "of two prices an auction takes the one further from the last",
    ),
    Mutant(
        "lib/auction.lua",
        "math.min(bid.turn, ask.turn, auction.lots)",
        "math.min(bid.left, ask.left, auction.lots)",
        "in an auction an iceberg trades all it has in one turn",
    ),
    Mutant(
        "lib/entry.lua",
        'if kind == "LIMIT" and time_in_force == "GTC" and not',
        'if kind == "LIMIT" and not',
        "an order that cannot wait is collected",
    ),
    Mutant(
        "lib/auction.lua",
        "tonumber(ask.id) < tonumber(bid.id) then maker",
        "true then maker",
        "in an auction the sale always makes",
    ),
    # More of fees and limits.
    Mutant(
        "lib/commissions.lua",
        "market.discount_asset and rates.discount_use == 1",
        "market.discount_asset",
        "who has not asked for it pays in the discount asset",
    ),
    Mutant(
        "lib/commissions.lua",
        "return conversion_at(market, price, asset == market.quote_asset)",
        "return conversion_at(market, price, asset == market.base_asset)",
        "a fee is converted upside down",
    ),
    Mutant(
        "lib/commissions.lua",
        '    overlay_rates(rates, redis.call("HGET", META, "rates:" .. account))\n',
        "",
        "an account's own fees for all symbols are forgotten",
    ),
    Mutant(
        "lib/wide.lua",
        "wide_sum(wide_product(a, { 2 }), b)",
        "wide_product(a, { 2 })",
        "what is converted is rounded down",
    ),
    Mutant(
        "lib/limits.lua",
        "local is_filter = of_symbol and wide.less(of_symbol, after)",
        "local is_filter = of_symbol and not wide.less(after, of_symbol)",
        "the largest position allowed is refused",
        "tests/engine/test_limits.py",
    ),
    Mutant(
        "lib/limits.lua",
        "if wide.less(most, total) then",
        "if not wide.less(total, most) then",
        "the last atom of a day is refused",
        "tests/engine/test_limits.py",
    ),
    Mutant(
        "lib/limits.lua",
        "if most_quote and worth > most_quote then",
        "if most_quote and worth >= most_quote then",
        "the largest order allowed is refused",
        "tests/engine/test_limits.py",
    ),
    Mutant(
        "rules/price_time_pro_rata.lua",
        "if shares[i] + more > 0 then",
        "if more > 0 then",
        "who has a share by size and none by time gets nothing",
    ),
    # What clients ask for seldom.
    Mutant(
        "clear_market.lua",
        "    ledger.adds = true\n",
        "",
        "of two sums that are given back to one account only the second is",
        "tests/engine/test_clock.py",
    ),
    Mutant(
        "clear_market.lua",
        '"last_price_ticks", "0", ',
        "",
        "a cleared market remembers its last price",
    ),
    Mutant(
        "reduce_order.lua",
        '  redis.call("HDEL", SYMBOL, client_start .. old_client_id)\n',
        "",
        "an order that is called otherwise keeps its old name as well",
    ),
    Mutant(
        "lib/caller.lua",
        "is_more(now, until_ms)",
        "not is_more(until_ms, now)",
        "the last moment of a request's window is too late",
    ),
    Mutant(
        "lib/resting.lua",
        "tonumber(ended_ms) < day_ms",
        "tonumber(ended_ms) > day_ms",
        "the name of an ended order is free for a day, and then no more",
    ),
    Mutant(
        "change_external_lock.lua",
        "is_lock and free or external",
        "is_lock and free or locked",
        "what orders have locked can be taken from outside",
    ),
    Mutant(
        "cancel_order_list.lua",
        "find_list(account, ARGV[4], ARGV[5])",
        'find_list(account, ARGV[4], ARGV[4] == "" and ARGV[5] or "")',
        "a list is cancelled by its number though its name is another",
    ),
    Mutant(
        "lib/entry.lua",
        '  if s[2] ~= "" then return { "pending" } end\n',
        "",
        "a command overtakes the rest of an unfinished order",
    ),
    Mutant(
        "lib/charging.lua",
        "first.is_maker and limits.fill_as_maker or limits.fill_as_taker",
        "first.is_maker and limits.fill_as_taker or limits.fill_as_maker",
        "the first trade of a maker counts as that of a taker",
    ),
    Mutant(
        "lib/charging.lua",
        "if owner.long + orders <= most then",
        "if owner.long + orders < most then",
        "the last order of an interval is refused",
    ),
    Mutant(
        "lib/counts.lua",
        "if now > window then return now, 0 end",
        "if now > window then return now, count end",
        "an interval begins with what the last one has counted",
    ),
    Mutant(
        "admit_request.lua",
        "caller.refused <= limits.most_refusals",
        "caller.refused < limits.most_refusals",
        "a ban comes one refusal too early",
    ),
    Mutant(
        "admit_request.lua",
        "length_ms = math.min(length_ms * 2, limits.longest_ban_ms)",
        "length_ms = math.min(length_ms, limits.longest_ban_ms)",
        "no ban is longer than the one before it",
        "tests/engine/test_rate_limits.py",
    ),
    Mutant(
        "set_clock.lua",
        'if venue.now_ms < before_ms then redis.call("DEL", KEYS[3]) end',
        "",
        "a clock that goes back leaves what was counted in intervals to come",
        "tests/engine/test_rate_limits.py",
    ),
]
