import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.JacksonFactory;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.NewConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.request.post.PostConnectorRestart;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;

/**
 * Drives org.sourcelab:kafka-connect-client: a JSON line for each call, and one for its answer, which is what the
 * client made of it. Arguments: URL, and user:password if any.
 */
public class ConnectClient {
    private static final ObjectMapper JSON =
        JacksonFactory.newInstance().copy().setSerializationInclusion(JsonInclude.Include.NON_NULL);

    public static void main(String[] words) throws Exception {
        Configuration configuration = new Configuration(words[0]);
        if (words.length > 1) {
            String[] credentials = words[1].split(":", 2);
            configuration.useBasicAuth(credentials[0], credentials[1]);
        }
        KafkaConnectClient client = new KafkaConnectClient(configuration);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> answer = new HashMap<>();
            try {
                answer.put("value", call(client, JSON.readTree(line)));
            } catch (InvalidRequestException refusal) {
                answer.put("refused", Map.of("status", refusal.getErrorCode(), "message", refusal.getMessage()));
            }
            System.out.println(JSON.writeValueAsString(answer));
        }
    }

    private static Object call(KafkaConnectClient client, JsonNode line) {
        String first = line.path(1).asText();
        switch (line.get(0).asText()) {
            case "cluster": return client.getConnectServerVersion();
            case "plugins":
                return client.getConnectorPlugins().stream()
                    .map(one -> Map.of("class", one.getClassName(), "type", one.getType(), "version", one.getVersion()))
                    .collect(Collectors.toList());
            case "validate":
                return client.validateConnectorPluginConfig(new ConnectorPluginConfigDefinition(first, config(line)));
            case "create": return client.addConnector(new NewConnectorDefinition(first, config(line)));
            case "list": return client.getConnectors();
            case "expand":
                return first.equals("info")
                    ? client.getConnectorsWithExpandedInfo().getMappedDefinitions()
                    : client.getConnectorsWithExpandedStatus().getMappedStatuses();
            case "get": return client.getConnector(first);
            case "config": return client.getConnectorConfig(first);
            case "status": return client.getConnectorStatus(first);
            case "tasks": return client.getConnectorTasks(first);
            case "taskStatus": return client.getConnectorTaskStatus(first, line.get(2).asInt());
            case "topics": return client.getConnectorTopics(first).getTopics();
            case "configure": return client.updateConnectorConfig(first, config(line));
            case "pause": return client.pauseConnector(first);
            case "resume": return client.resumeConnector(first);
            case "restart": return client.restartConnector(first);
            case "restartAll": return client.restartConnector(new PostConnectorRestart(first).withIncludeTasks(true));
            case "restartTask": return client.restartConnectorTask(first, line.get(2).asInt());
            case "remove": return client.deleteConnector(first);
            default: throw new IllegalArgumentException(line.toString());
        }
    }

    private static Map<String, String> config(JsonNode line) {
        return JSON.convertValue(line.get(2), JacksonFactory.mapTypeStringString);
    }
}
