"""Fails in many ways, each with other values for each seed, and writes what an instrumentation would record."""
import asyncio
import concurrent.futures
import dataclasses
import datetime
import decimal
import json
import random
import socket
import sys
import traceback
import uuid

r = random.Random(int(sys.argv[1]))


def name():
    return r.choice(["Alice Smith", "Bob", "Chandra Nath Rao", "Dörte Müller", "Eve", "Jean-Luc"])


def tenant():
    return r.choice(["acme", "globex", "initech", "umbrella", "hooli"])


def ident():
    return r.randrange(1000, 900000)


class OrderError(Exception):
    pass


class PaymentError(OrderError):
    pass


#PAD
def emit(cause, e, stack=True):
    kind = type(e)
    named = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    text = "".join(traceback.format_exception(kind, e, e.__traceback__)) if stack else ""
    print(json.dumps({"cause": cause, "type": named, "message": str(e), "stack": text}))


def handle(cause, work, stack=True):
    try:
        if r.random() < 0.5:
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                pool.submit(work).result()
        else:
            work()
    except BaseException as e:
        emit(cause, e, stack)


#PAD
class Cart:
    def __init__(self):
        self.lines, self.owner = [], None

    def pick(self, i):
        return self.lines[i]

    def contact(self):
        return self.owner.email

    def total(self):
        return sum(map(lambda n: 100 / n, [r.randrange(1, 9), 0]))


def price(catalog):
    return catalog[r.choice(["AB-12", "x y", "Z", "0091"])]


def parse():
    return json.loads(r.choice(["nope", "<html><body>", "", "seven"]))


def parse_long():
    return json.loads(r.choice(['{"a": "x', '{"order": "17", "name": "Ali', '["x", "y']))


def amount():
    return decimal.Decimal(r.choice(["1,5", "five", "1.2.3"]))


#PAD
def connect():
    with socket.create_connection(("127.0.0.1", r.randrange(1, 9)), timeout=1):
        pass


def charge():
    try:
        connect()
    except OSError as e:
        raise PaymentError(f"charging {r.randrange(500)}.{r.randrange(100):02} EUR for {name()} failed") from e


def refund():
    try:
        connect()
    except OSError as e:
        raise PaymentError(f"refund of order {ident()} failed") from e


def place(step):
    try:
        step()
    except Exception as e:
        raise OrderError(f"order {ident()} of {name()} could not be placed") from e


def terms():
    with open(f"/nonexistent/{tenant()}/terms-{ident()}.txt") as f:
        return f.read()


#PAD
def check(field):
    if field == 0:
        raise ValueError(f"delivery address of {name()} is missing")
    if field == 1:
        day = datetime.date(2020, 1, 1) + datetime.timedelta(days=r.randrange(3000))
        raise ValueError(f"voucher {r.choice(['SUMMER24', 'XMAS', 'FREE10'])} expired on {day}")
    raise ValueError(f"{ident()} articles are more than the warehouse {r.choice(['north', 'south', 'harbour'])} can ship")


def fallback():
    cache = {}
    try:
        cache[ident()]
    except KeyError:
        raise OrderError(f"no quote for basket {uuid.UUID(int=r.getrandbits(128))}")


async def ship():
    await asyncio.sleep(0)
    raise TimeoutError(f"carrier {r.choice(['dhl', 'ups', 'hermes'])} did not answer within {r.randrange(1, 30)}.{r.randrange(10)}s")


@dataclasses.dataclass
class Parcel:
    weight: int


def decode():
    return bytes([0x66, 0x80 + r.randrange(60), 0x66]).decode("utf-8")


async def both():
    async with asyncio.TaskGroup() as group:
        group.create_task(ship())


handle("python/no-owner", lambda: Cart().contact())
handle("python/line-out-of-range", lambda: Cart().pick(r.randrange(50)))
handle("python/free-article", lambda: Cart().total())
handle("python/price-unknown", lambda: price({}))
handle("python/not-json", parse)
handle("python/truncated-json", parse_long)
handle("python/bad-amount", amount)
handle("python/payment-refused", charge if r.random() < 0.5 else lambda: place(charge))
handle("python/payment-refused", refund)
handle("python/terms-missing", lambda: place(terms))
handle("python/address-missing", lambda: check(0))
handle("python/voucher-expired", lambda: check(1))
handle("python/too-many", lambda: check(2))
handle("python/no-quote", fallback)
handle("python/carrier-silent", lambda: asyncio.run(ship() if r.random() < 0.5 else both()))
handle("python/parcel-arguments", lambda: Parcel(1, ident()))
handle("python/not-utf8", decode)


def logged(cause, e):
    emit(cause, e, stack=False)


logged("python/logged-declined", PaymentError(f"card of customer {ident()} was declined by bank {r.choice(['N26', 'ING', 'HSBC'])}"))
logged("python/logged-late", OrderError(f"order {ident()} came {r.randrange(1, 90)} minutes late to warehouse {tenant()}"))
