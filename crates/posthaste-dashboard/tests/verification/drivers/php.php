<?php
require __DIR__ . '/receiver.php';

foreach (explode("\n", rtrim(stream_get_contents(STDIN))) as $line) {
    [$key, $now, $body] = $fields = explode("\t", $line);
    $server = [];
    foreach (array_chunk(array_slice($fields, 3), 2) as [$name, $value]) {
        $server['HTTP_' . strtoupper(strtr($name, '-', '_'))] = base64_decode($value);
    }
    [$secret, $body] = [base64_decode($key), base64_decode($body)];
    if ($now === 'now') {
        $answer = is_authentic($server, $body);
    } else {
        $now = (int) $now;
        $answer = verify($secret, $server, $body, $now);
    }
    echo $answer ? 1 : 0, "\n";
}
