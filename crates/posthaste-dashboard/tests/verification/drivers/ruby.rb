require_relative "receiver"

$stdin.binmode.each_line(chomp: true) do |line|
  key, now, body, *fields = line.split("\t")
  headers = fields.each_slice(2).to_h { |name, value| [name, value.to_s.unpack1("m")] }
  secret, body = key.unpack1("m"), body.unpack1("m")
  if now == "now"
    answer = PosthasteWebhook.authentic?(headers, body)
  else
    now = now.to_i
    answer = PosthasteWebhook.verify(secret, headers, body, now)
  end
  puts answer ? 1 : 0
end
