# Fails in many ways, each with other values for each seed, and writes what an instrumentation would record.
require 'json'
require 'securerandom'
require 'socket'
require 'time'

R = Random.new(ARGV[0].to_i)
def one(*words) = words[R.rand(words.size)]
def id = 1000 + R.rand(900_000)
def name = one('Alice Smith', 'Bob', 'Chandra Nath Rao', 'Dörte Müller', 'Eve', 'Jean-Luc')
def tenant = one('acme', 'globex', 'initech', 'umbrella', 'hooli')
def hex = format('%016x', R.rand(2**64))

class OrderError < StandardError; end

module Shop
  class PaymentError < OrderError; end
end

#PAD
def emit(cause, error, stack: true)
  text = stack ? error.full_message(highlight: false, order: :top) : ''
  puts JSON.generate(cause: cause, type: error.class.to_s, message: error.message, stack: text)
end

def handle(cause, &work)
  R.rand(2).zero? ? Thread.new { Thread.current.report_on_exception = false; work.call }.join : work.call
rescue SystemStackError, StandardError => e
  emit(cause, e)
end

#PAD
class Cart
  attr_reader :owner

  def contact = owner.email
  def total = [5, 0].map { |n| 100 / n }.sum
  def price(sku) = { 'a' => 1 }.fetch(sku)
  def pick(i) = [].fetch(i)
end

class Gateway
  def connect = TCPSocket.new('127.0.0.1', 1 + R.rand(8))

  #PAD
  def charge
    connect
  rescue SystemCallError
    raise Shop::PaymentError, "charging #{R.rand(500)}.#{R.rand(99)} EUR for #{name} failed"
  end

  def refund
    raise Shop::PaymentError, "refund #{SecureRandom.uuid} is pending since #{Time.at(R.rand(10**9)).utc.iso8601}"
  end
end

class Validator
  def check(field)
    raise ArgumentError, "delivery address of #{name} is missing" if field.zero?
    raise ArgumentError, "voucher '#{one('SUMMER24', 'XMAS', 'FREE 10')}' has expired" if field == 1

    raise ArgumentError, "#{id} articles are more than warehouse #{one('north', 'south', 'harbour')} can ship"
  end
end

#PAD
def place
  yield
rescue StandardError
  raise OrderError, "order #{id} of #{name} could not be placed"
end

def terms = File.read("/nonexistent/#{tenant}/terms-#{id}.txt")
def deep(n) = deep(n + 1) + 1
def locked = raise(OrderError, "row lock on orders timed out after #{R.rand(60)}.#{R.rand(999)}s, held by #{hex}")

handle('ruby/no-owner') { Cart.new.contact }
handle('ruby/free-article') { Cart.new.total }
handle('ruby/price-unknown') { Cart.new.price(one('AB-12', 'x y', 'Z', '0091')) }
handle('ruby/line-out-of-range') { Cart.new.pick(id) }
handle('ruby/payment-refused') { R.rand(2).zero? ? Gateway.new.charge : place { Gateway.new.charge } }
handle('ruby/refund-pending') { Gateway.new.refund }
handle('ruby/address-missing') { Validator.new.check(0) }
handle('ruby/voucher-expired') { Validator.new.check(1) }
handle('ruby/too-many') { Validator.new.check(2) }
handle('ruby/terms-missing') { place { terms } }
handle('ruby/row-locked') { place { locked } }
handle('ruby/not-a-number') { Integer(one('12x', 'seven', '9,1')) }
handle('ruby/not-json') { JSON.parse(one('nope', 'seven', '<html>')) }
handle('ruby/endless') { deep(0) }
emit('ruby/logged-declined', OrderError.new("card of customer #{id} was declined by bank #{one('N26', 'ING', 'HSBC')}"), stack: false)
