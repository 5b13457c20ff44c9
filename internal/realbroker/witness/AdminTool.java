import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.List;

import org.apache.rocketmq.tools.command.MQAdminStartup;

/** AdminTool runs commands of mqadmin in this process, where starting one for each takes seconds. */
final class AdminTool {
    private AdminTool() {
    }

    /** What a command has printed to its standard output, and of the exception that it has failed with. */
    static final class Printed {
        final String out;
        final String err;

        Printed(String out, String err) {
            this.out = out;
            this.err = err;
        }
    }

    /** Runs a command. The arguments have to be such that mqadmin can read: for others it ends the process. */
    static Printed run(String... args) throws Exception {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
        ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(outBytes, true, "UTF-8"));
            System.setErr(new PrintStream(errBytes, true, "UTF-8"));
            forget();
            MQAdminStartup.main0(args, null);
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
        return new Printed(new String(outBytes.toByteArray(), StandardCharsets.UTF_8), new String(errBytes.toByteArray(), StandardCharsets.UTF_8));
    }

    /** Has the next command made anew: some keep a client, which they have shut down, for ever. */
    private static void forget() throws IllegalAccessException {
        for (Field field : MQAdminStartup.class.getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers()) && List.class.isAssignableFrom(field.getType())) {
                field.setAccessible(true);
                ((List<?>) field.get(null)).clear();
            }
        }
    }
}
