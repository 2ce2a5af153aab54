import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A client for the sum exchange.
 *
 * <p>java SumClient NUMBER [NAME [HOST [PORT]]]
 */
public class SumClient {
    /** Milliseconds to wait for the connection, and then for each part of the reply. */
    private static final int TIMEOUT = 10_000;

    /** Characters that a reply may have. */
    private static final int LONGEST = 1024;

    /** A name may contain commas: .+ takes as much as it can, so the last comma separates. */
    private static final Pattern REPLY = Pattern.compile("(.+),\\s*([+-]?\\d{1,9})");

    /** Sends the request as a line, and returns the line that the server replies. */
    private static String ask(String host, int port, String request) throws IOException {
        try (Socket server = new Socket()) {
            InetSocketAddress address = new InetSocketAddress(host, port);
            if (address.isUnresolved()) {
                throw new IOException("there is no host " + host);
            }
            server.connect(address, TIMEOUT);
            server.setSoTimeout(TIMEOUT);
            server.getOutputStream().write((request + "\n").getBytes(StandardCharsets.UTF_8));

            Reader reader = new BufferedReader(
                    new InputStreamReader(server.getInputStream(), StandardCharsets.UTF_8));
            StringBuilder reply = new StringBuilder();
            int next;
            // -1 means that the server has closed the connection.
            while ((next = reader.read()) != -1 && next != '\n') {
                if (reply.length() == LONGEST) {
                    throw new IOException("the reply is too long");
                }
                reply.append((char) next);
            }
            return reply.toString().strip();
        }
    }

    /** Does one exchange, and shows it. */
    private static void exchange(String host, int port, String name, int number)
            throws IOException {
        String line = ask(host, port, name + "," + number);
        Matcher reply = REPLY.matcher(line);
        if (!reply.matches()) {
            throw new IOException(
                    line.isEmpty() ? "the server did not reply" : "the server replied " + line);
        }
        int serverNumber = Integer.parseInt(reply.group(2));
        System.out.println("Client name: " + name);
        System.out.println("Server name: " + reply.group(1));
        System.out.println("Client's number: " + number);
        System.out.println("Server's number: " + serverNumber);
        System.out.println("Sum: " + ((long) number + serverNumber));
    }

    public static void main(String[] args) {
        int number = 0;
        int port = 0;
        try {
            number = Integer.parseInt(args[0]);
            port = args.length > 3 ? Integer.parseInt(args[3]) : 12000;
        } catch (ArrayIndexOutOfBoundsException | NumberFormatException error) {
            System.err.println("usage: java SumClient NUMBER [NAME [HOST [PORT]]]");
            System.exit(2);
        }
        String name = args.length > 1 ? args[1] : "Client in Java";
        String host = args.length > 2 ? args[2] : "127.0.0.1";
        try {
            exchange(host, port, name, number);
        } catch (IOException | IllegalArgumentException error) { // the latter: a port above 65535
            System.err.println("SumClient: " + error.getMessage());
            System.exit(1);
        }
    }
}
