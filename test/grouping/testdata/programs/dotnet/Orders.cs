using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text;
using System.Threading.Tasks;

// Fails in many ways, each with other values for each seed, and writes what an instrumentation would record.
namespace Example.Shop
{
    class OrderException : Exception
    {
        public OrderException(string m, Exception inner = null) : base(m, inner) { }
    }
    class ValidationException : ArgumentException
    {
        public ValidationException(string m) : base(m) { }
    }

    class Customer { public string Email; }

    class Cart
    {
        public Customer Owner;
        List<int> lines = new List<int>();
        public int Contact() { return Owner.Email.Length; }
        public int Pick(int i) { return lines[i]; }
        public int First(string sku) { return lines.First(l => l.ToString() == sku); }
        public int Total() { return new[] { 5, 0 }.Select(n => 100 / n).Sum(); }
    }

    class Gateway
    {
        public async Task Charge()
        {
            try { await Connect(); }
            catch (Exception e) { throw new OrderException("charge of " + Orders.R.Next(500) + "." + Orders.R.Next(99) + " EUR for " + Orders.Name() + " failed", e); }
        }
        async Task Connect()
        {
            using (var c = new TcpClient()) await c.ConnectAsync("127.0.0.1", 1 + Orders.R.Next(8));
        }
        public async Task Refund()
        {
            await Task.Yield();
            throw new InvalidOperationException("refund " + Guid.NewGuid() + " was already paid out");
        }
    }

    class Repository
    {
        public Dictionary<string, int> Prices = new Dictionary<string, int>();
        public void Load() { File.ReadAllText("/nonexistent/" + Orders.Tenant() + "/order-" + Orders.Id() + ".csv"); }
        public int Price() { return Prices[Orders.One("AB-12", "x y", "Z", "0091")]; }
        public void Lock() { throw new TimeoutException("row lock on orders timed out after " + Orders.R.Next(60) + "." + Orders.R.Next(999) + "s (session " + Orders.Id() + ")"); }
        public void Save() { throw new InvalidOperationException("transaction " + Orders.Hex() + " was rolled back"); }
    }

    class Validator
    {
        public void Check(int field)
        {
            if (field == 0) throw new ValidationException("delivery address of " + Orders.Name() + " is missing");
            if (field == 1) throw new ValidationException("voucher '" + Orders.One("SUMMER24", "XMAS", "FREE 10") + "' has expired");
            throw new ValidationException("currency " + Orders.One("EUR", "USD", "JPY") + " cannot be paid by " + Orders.One("invoice", "transfer", "wallet"));
        }
    }

    class Orders
    {
        public static Random R;
        public static string One(params string[] words) { return words[R.Next(words.Length)]; }
        public static int Id() { return R.Next(1000, 900000); }
        public static string Name() { return One("Alice Smith", "Bob", "Chandra Nath Rao", "Dörte Müller", "Eve", "Jean-Luc"); }
        public static string Tenant() { return One("acme", "globex", "initech", "umbrella", "hooli"); }
        public static string Hex() { return R.Next().ToString("x8") + R.Next().ToString("x8"); }

        static string Quote(string s)
        {
            var b = new StringBuilder("\"");
            foreach (var c in s)
            {
                if (c == '"' || c == '\\') b.Append('\\').Append(c);
                else if (c == '\n') b.Append("\\n");
                else if (c == '\t') b.Append("\\t");
                else if (c != '\r') b.Append(c);
            }
            return b.Append('"').ToString();
        }

        static void Emit(string cause, Exception e)
        {
            Console.WriteLine("{\"cause\":" + Quote(cause) + ",\"type\":" + Quote(e.GetType().FullName) + ",\"message\":" + Quote(e.Message) + ",\"stack\":" + Quote(e.ToString()) + "}");
        }

        static void Handle(string cause, Func<Task> work)
        {
            try
            {
                if (R.Next(2) == 0) Task.Run(work).Wait();
                else work().GetAwaiter().GetResult();
            }
            catch (Exception e) { Emit(cause, e); }
        }

        static void Do(string cause, Action work) { Handle(cause, async () => { await Task.Yield(); work(); }); }

        static void Place(Action step)
        {
            try { step(); }
            catch (Exception e) { throw new OrderException("order " + Id() + " of " + Name() + " could not be placed", e); }
        }

        static void Main(string[] args)
        {
            R = new Random(int.Parse(args[0]) * 31);
            Console.OutputEncoding = new UTF8Encoding(false);
            var gateway = new Gateway();
            var repository = new Repository();
            var validator = new Validator();
            Do("dotnet/no-owner", () => new Cart().Contact());
            Do("dotnet/line-out-of-range", () => new Cart().Pick(R.Next(50)));
            Do("dotnet/no-such-line", () => new Cart().First(Hex()));
            Do("dotnet/free-article", () => new Cart().Total());
            Handle("dotnet/charge-refused", gateway.Charge);
            Handle("dotnet/refund-paid", gateway.Refund);
            Do("dotnet/file-missing", () => Place(repository.Load));
            Do("dotnet/price-unknown", () => repository.Price());
            Do("dotnet/row-locked", () => Place(repository.Lock));
            Do("dotnet/rolled-back", () => Place(repository.Save));
            Do("dotnet/address-missing", () => validator.Check(0));
            Do("dotnet/voucher-expired", () => validator.Check(1));
            Do("dotnet/currency", () => validator.Check(2));
            Do("dotnet/not-a-number", () => int.Parse(One("12x", "", "seven")));
            Do("dotnet/not-a-text", () => ((string)(object)(R.Next(2) == 0 ? (object)1 : new Cart())).Trim());
            Do("dotnet/bad-base64", () => Convert.FromBase64String(One("a", "abc", "!x==")));
        }
    }
}
