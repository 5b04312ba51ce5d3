package peer;

import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;

import com.google.gson.Gson;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.web.bind.annotation.CrossOrigin;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

@RestController
@CrossOrigin(origins = "*", allowedHeaders = "*")
public class ProduceController {

    private static final Logger log = LoggerFactory.getLogger(ProduceController.class);
    private static final Gson GSON = new Gson();
    private static final DateTimeFormatter TS = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSZ");

    private final KafkaTemplate<String, String> kafka;

    public ProduceController(KafkaTemplate<String, String> kafka) {
        this.kafka = kafka;
    }

    /** Shared Gson and formatter, only failures logged: the design at its best. */
    @GetMapping("/api/select")
    public void select(@RequestHeader("user-agent") String userAgent,
                       @RequestParam("color") String color,
                       @RequestParam("user") String user) {
        String json = GSON.toJson(new UserEvent(OffsetDateTime.now().format(TS), userAgent, color, user));
        kafka.send("select-color", json).whenComplete((result, ex) -> {
            if (ex != null) {
                log.error("send failed: {}", ex.toString());
            }
        });
    }
}
