import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;

public final class Driver {
    private static byte[] decoded(String field) {
        return Base64.getDecoder().decode(field);
    }

    public static void main(String[] none) throws Exception {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String[] fields = lines.nextLine().split("\t", -1);
            Map<String, String> header = new HashMap<>();
            for (int i = 3; i < fields.length; i += 2) {
                header.put(fields[i], new String(decoded(fields[i + 1]), "UTF-8"));
            }
            String secret = new String(decoded(fields[0]), "UTF-8");
            byte[] body = decoded(fields[2]);
            boolean answer;
            if (fields[1].equals("now")) {
                answer = PosthasteWebhook.isAuthentic(header::get, body);
            } else {
                long now = Long.parseLong(fields[1]);
                answer = PosthasteWebhook.verify(secret, header::get, body, now);
            }
            System.out.println(answer ? 1 : 0);
        }
    }
}
