package example.shop;

import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

/** Fails in many ways, each with other values for each seed, and writes what an instrumentation would record. */
public class Orders {
  static Random r;

  static String one(String... words) { return words[r.nextInt(words.length)]; }
  static int id() { return 1000 + r.nextInt(900000); }
  static String name() { return one("Alice Smith", "Bob", "Chandra Nath Rao", "Dörte Müller", "Eve", "Jean-Luc"); }
  static String tenant() { return one("acme", "globex", "initech", "umbrella", "hooli"); }
  static String uuid() { return new UUID(r.nextLong(), r.nextLong()).toString(); }

  static class OrderException extends RuntimeException {
    OrderException(String m) { super(m); }
    OrderException(String m, Throwable cause) { super(m, cause); }
  }
  static class ValidationException extends IllegalArgumentException {
    ValidationException(String m) { super(m); }
  }

  interface Work { void run() throws Exception; }

  //PAD
  static String quote(String s) {
    if (s == null) return "\"\"";
    StringBuilder b = new StringBuilder("\"");
    for (char c : s.toCharArray()) {
      switch (c) {
        case '"': b.append("\\\""); break;
        case '\\': b.append("\\\\"); break;
        case '\n': b.append("\\n"); break;
        case '\t': b.append("\\t"); break;
        case '\r': break;
        default: b.append(c);
      }
    }
    return b.append('"').toString();
  }

  static void emit(String cause, Throwable e) {
    StringWriter stack = new StringWriter();
    e.printStackTrace(new PrintWriter(stack));
    System.out.println("{\"cause\":" + quote(cause) + ",\"type\":" + quote(e.getClass().getName()) + ",\"message\":" + quote(e.getMessage())
        + ",\"stack\":" + quote(stack.toString()) + "}");
  }

  /** The worker: sometimes in a pool, sometimes in this thread. */
  static void handle(String cause, Work work) throws Exception {
    if (r.nextBoolean()) {
      ExecutorService pool = Executors.newFixedThreadPool(1 + r.nextInt(3));
      try {
        pool.submit(() -> { work.run(); return null; }).get();
      } catch (ExecutionException e) {
        emit(cause, e.getCause());
      } finally {
        pool.shutdown();
      }
      return;
    }
    try {
      work.run();
    } catch (Throwable e) {
      emit(cause, e);
    }
  }

  //PAD
  static class Customer {
    String email;
    int domain() { return email.indexOf('@'); }
  }

  static class Cart {
    List<Integer> lines = new ArrayList<>();
    int pick(int i) { return lines.get(i); }
    int total() { return lines.stream().map(n -> 100 / n).collect(Collectors.summingInt(n -> n)); }
  }

  //PAD
  static class Gateway {
    void charge() {
      try {
        new Socket("127.0.0.1", 1 + r.nextInt(8)).close();
      } catch (IOException e) {
        throw new OrderException("charge of " + r.nextInt(500) + "." + r.nextInt(100) + " EUR for order " + id() + " failed", e);
      }
    }
    void refund() {
      try {
        new Socket("127.0.0.1", 1 + r.nextInt(8)).close();
      } catch (IOException e) {
        throw new OrderException("refund of order " + id() + " failed", e);
      }
    }
  }

  static class Repository {
    void load() {
      try {
        Files.readAllLines(Path.of("/nonexistent/" + tenant() + "/order-" + id() + ".csv"));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    Object find() {
      return Optional.empty().orElseThrow(() -> new NoSuchElementException("no order " + uuid() + " of tenant " + tenant()));
    }
    void lock() throws Exception {
      throw new TimeoutException("row lock on orders timed out after " + (1 + r.nextInt(60)) + "." + r.nextInt(1000) + "s (holder pid " + id() + ")");
    }
    void save() {
      throw new IllegalStateException("transaction " + Long.toHexString(r.nextLong()) + " was already rolled back");
    }
  }

  static class Validator {
    void check(int field) {
      if (field == 0) throw new ValidationException("delivery address of " + name() + " is missing");
      if (field == 1) throw new ValidationException("voucher '" + one("SUMMER24", "XMAS", "FREE SHIPPING") + "' expired on 20" + (10 + r.nextInt(15)) + "-0" + (1 + r.nextInt(9)) + "-1" + r.nextInt(10));
      throw new ValidationException("currency " + one("EUR", "USD", "JPY", "CHF") + " cannot be paid by " + one("invoice", "transfer", "wallet"));
    }
  }

  //PAD
  static void place(Work step) {
    try {
      step.run();
    } catch (Exception e) {
      throw new OrderException("order " + id() + " of " + name() + " could not be placed", e);
    }
  }

  static int depth(int n) { return depth(n + 1) + 1; }

  public static void main(String[] args) throws Exception {
    r = new Random(Long.parseLong(args[0]) * 7919);
    Repository repository = new Repository();
    Gateway gateway = new Gateway();
    Validator validator = new Validator();
    handle("java/no-email", () -> new Customer().domain());
    handle("java/line-out-of-range", () -> new Cart().pick(1 + r.nextInt(50)));
    handle("java/free-article", () -> { Cart c = new Cart(); c.lines.add(r.nextInt(5) + 1); c.lines.add(0); c.total(); });
    handle("java/charge-refused", () -> { if (r.nextBoolean()) gateway.charge(); else place(gateway::charge); });
    handle("java/refund-refused", gateway::refund);
    handle("java/file-missing", () -> place(repository::load));
    handle("java/order-unknown", repository::find);
    handle("java/row-locked", () -> place(repository::lock));
    handle("java/rolled-back", () -> place(repository::save));
    handle("java/address-missing", () -> validator.check(0));
    handle("java/voucher-expired", () -> validator.check(1));
    handle("java/currency", () -> validator.check(2));
    handle("java/not-a-number", () -> Integer.parseInt(one("12x", "", "seven", "9,1")));
    handle("java/not-an-order", () -> { Object o = r.nextBoolean() ? (Object) "x" : (Object) Integer.valueOf(id()); List<?> l = (List<?>) o; l.size(); });
    handle("java/endless", () -> depth(0));
    handle("java/bad-link", () -> new URI("http://shop.example/" + name() + "/ " + id()));
  }
}
