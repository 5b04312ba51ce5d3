import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;

/** Runs one OpenSearch node (2.19 or 3) with the settings given as name=value. */
public class OpensearchLauncher {
    public static void main(String[] words) throws Exception {
        String home = System.getProperty("opensearch.path.home");
        Map<String, String> settings = new HashMap<>();
        for (String word : words) settings.put(word.substring(0, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
        Settings base = Settings.builder().put("path.home", home).build();
        Path configuration = Path.of(System.getProperty("opensearch.path.conf"));
        Environment environment = InternalSettingsPreparer.prepareEnvironment(base, settings, configuration, () -> "node-1");
        LogConfigurator.registerErrorListener();
        LogConfigurator.configure(environment);
        Node node = new Node(environment);
        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
                node.awaitClose(10, TimeUnit.SECONDS);
            } catch (Exception failure) {
                failure.printStackTrace();
            } finally {
                closed.countDown();
            }
        }));
        node.start();
        System.out.println("the node has started");
        closed.await();
    }
}
