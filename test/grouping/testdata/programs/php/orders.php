<?php
// Fails in many ways, each with other values for each seed, and writes what an instrumentation would record.
namespace Shop;

mt_srand((int) $argv[1]);
function one(string ...$words): string { return $words[mt_rand(0, count($words) - 1)]; }
function id(): int { return mt_rand(1000, 900000); }
function name(): string { return one('Alice Smith', 'Bob', 'Chandra Nath Rao', 'Dörte Müller', 'Eve', 'Jean-Luc'); }
function tenant(): string { return one('acme', 'globex', 'initech', 'umbrella', 'hooli'); }
function hex(): string { return sprintf('%08x%08x', mt_rand(), mt_rand()); }

class OrderException extends \RuntimeException {}

//PAD
function emit(string $cause, \Throwable $e, bool $stack = true): void
{
    echo json_encode(['cause' => $cause, 'type' => get_class($e), 'message' => $e->getMessage(), 'stack' => $stack ? (string) $e : ''], JSON_UNESCAPED_SLASHES), "\n";
}

function handle(string $cause, callable $work): void
{
    try {
        mt_rand(0, 1) ? array_map($work, [0]) : $work();
    } catch (\Throwable $e) {
        emit($cause, $e);
    }
}

//PAD
class Cart
{
    public ?object $owner = null;
    public function contact(): string { return $this->owner->email(); }
    public function total(): int { return array_sum(array_map(fn ($n) => intdiv(100, $n), [5, 0])); }
    public function add(int $cents): void {}
}

class Gateway
{
    public function charge(): void
    {
        try {
            $this->call();
        } catch (\Exception $e) {
            throw new OrderException('charging ' . mt_rand(0, 500) . '.' . mt_rand(10, 99) . ' EUR for ' . name() . ' failed', 0, $e);
        }
    }

    //PAD
    private function call(): void { throw new \RuntimeException('gateway 10.0.' . mt_rand(0, 255) . '.' . mt_rand(0, 255) . ':' . id() % 65536 . ' refused the connection'); }
    public function refund(): void { throw new OrderException('refund ' . hex() . ' is pending since ' . date('Y-m-d H:i:s', mt_rand())); }
}

class Validator
{
    public function check(int $field): void
    {
        if ($field === 0) throw new \InvalidArgumentException('delivery address of ' . name() . ' is missing');
        if ($field === 1) throw new \InvalidArgumentException('voucher "' . one('SUMMER24', 'XMAS', 'FREE 10') . '" has expired');
        throw new \InvalidArgumentException(id() . ' articles are more than warehouse ' . one('north', 'south', 'harbour') . ' can ship');
    }
}

//PAD
function place(callable $step): void
{
    try {
        $step();
    } catch (\Throwable $e) {
        throw new OrderException('order ' . id() . ' of ' . name() . ' could not be placed', 0, $e);
    }
}

function locked(): void { throw new \RuntimeException('row lock on orders timed out after ' . mt_rand(1, 60) . 's, held by ' . hex()); }
function iterate(): void { (new \ArrayIterator([]))->seek(id()); }
function decode(): void { json_decode(one('nope', '{"a":', '[1,'), false, 512, JSON_THROW_ON_ERROR); }
function date_of(): void { new \DateTimeImmutable(one('the 12th', '2024-99-01', 'seven')); }

handle('php/no-owner', fn () => (new Cart())->contact());
handle('php/free-article', fn () => (new Cart())->total());
handle('php/not-an-int', fn () => (new Cart())->add(...[one('12x', 'seven', '')]));
handle('php/gateway-refused', mt_rand(0, 1) ? fn () => (new Gateway())->charge() : fn () => place(fn () => (new Gateway())->charge()));
handle('php/refund-pending', fn () => (new Gateway())->refund());
handle('php/address-missing', fn () => (new Validator())->check(0));
handle('php/voucher-expired', fn () => (new Validator())->check(1));
handle('php/too-many', fn () => (new Validator())->check(2));
handle('php/row-locked', fn () => place('Shop\locked'));
handle('php/beyond-the-end', 'Shop\iterate');
handle('php/bad-json', 'Shop\decode');
emit('php/logged-declined', new OrderException('card of customer ' . id() . ' was declined by bank ' . one('N26', 'ING', 'HSBC')), false);
