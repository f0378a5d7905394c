using System;
using System.Collections.Generic;
using System.Text;

public static class Driver
{
    public static void Main()
    {
        for (var line = Console.ReadLine(); line != null; line = Console.ReadLine())
        {
            var fields = line.Split('\t');
            var headers = new Dictionary<string, string>();
            for (var i = 3; i < fields.Length; i += 2)
            {
                headers[fields[i]] = Encoding.UTF8.GetString(Convert.FromBase64String(fields[i + 1]));
            }
            Func<string, string> header = name => headers.TryGetValue(name, out var value) ? value : null;
            var secret = Encoding.UTF8.GetString(Convert.FromBase64String(fields[0]));
            var body = Convert.FromBase64String(fields[2]);
            bool answer;
            if (fields[1] == "now")
            {
                answer = PosthasteWebhook.IsAuthentic(header, body);
            }
            else
            {
                var now = long.Parse(fields[1]);
                answer = PosthasteWebhook.Verify(secret, header, body, now);
            }
            Console.WriteLine(answer ? 1 : 0);
        }
    }
}
