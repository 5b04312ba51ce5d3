import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/** Runs one Elasticsearch node (8.19 or 9) with the settings given as name=value; what it adds to the server is nothing. */
public class ElasticsearchLauncher {
    public static void main(String[] words) throws Exception {
        String home = System.getProperty("es.path.home");
        Map<String, String> settings = new HashMap<>();
        for (String word : words) settings.put(word.substring(0, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
        LogConfigurator.registerErrorListener();
        LogConfigurator.configureESLogging();
        Settings base = Settings.builder().put("path.home", home).build();
        Path configuration = Path.of(System.getProperty("es.path.conf"));
        Environment environment = InternalSettingsPreparer.prepareEnvironment(base, settings, configuration, () -> "node-1");
        LogConfigurator.configure(environment, true);
        Set<PluginBundle> modules = bundles("loadModulesBundles", Path.of(home, "modules"));
        Set<PluginBundle> plugins = bundles("loadPluginsBundles", Path.of(home, "plugins"));
        Node node = new Node(environment, PluginsLoader.createPluginsLoader(modules, plugins, Map.of(), false));
        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.prepareForClose();
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

    /** Takes the folder alone in 8, and whether the node is stateless as well in 9. */
    @SuppressWarnings("unchecked")
    static Set<PluginBundle> bundles(String name, Path folder) throws Exception {
        for (Method method : PluginsLoader.class.getMethods()) {
            if (!method.getName().equals(name)) continue;
            boolean old = method.getParameterCount() == 1;
            return (Set<PluginBundle>) (old ? method.invoke(null, folder) : method.invoke(null, folder, false));
        }
        throw new NoSuchMethodException(name);
    }
}
