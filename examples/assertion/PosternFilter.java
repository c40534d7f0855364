import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Principal;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Lets a web application know who asks, according to postern: getRemoteUser(), getUserPrincipal() and
 * isUserInRole() (the groups). A request without exactly one good Postern-Assertion gets 401.
 *
 * <p>For Jakarta Servlet 5 and later (Tomcat 10, Jetty 11), Java 17, no further library. Parameters:
 * issuer (the portal's address), audience (the name of the route) and jwks (an https address, or a file:
 * address of what "postern assertion jwks --json" wrote).
 */
public final class PosternFilter implements Filter {
    private static final String HEADER = "Postern-Assertion";
    private static final int TOKEN_MAX = 4096;
    private static final int JWKS_MAX = 16384;
    /** Seconds that the clocks of gateway and console may differ. */
    private static final long LEEWAY = 30;
    private static final long LIFE_MAX = 120;
    /** A key that is not known is looked for again, but not oftener than this. */
    private static final long RELOAD_MS = 10_000;

    private String issuer;
    private String audience;
    private URI jwks;
    private volatile Map<String, PublicKey> keys = Map.of();
    private long loaded;

    @Override
    public void init(FilterConfig config) throws ServletException {
        issuer = parameter(config, "issuer");
        audience = parameter(config, "audience");
        jwks = URI.create(parameter(config, "jwks"));
    }

    private static String parameter(FilterConfig config, String name) throws ServletException {
        String value = config.getInitParameter(name);
        if (value == null || value.isEmpty()) {
            throw new ServletException("PosternFilter needs the parameter " + name);
        }
        return value;
    }

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        HttpServletRequest http = (HttpServletRequest) request;
        Map<String, Object> claims;
        try {
            claims = verify(one(http.getHeaders(HEADER)), System.currentTimeMillis() / 1000);
        } catch (Refused | GeneralSecurityException e) {
            http.getServletContext().log("PosternFilter: " + e.getMessage());
            ((HttpServletResponse) response).sendError(HttpServletResponse.SC_UNAUTHORIZED);
            return;
        }
        chain.doFilter(new Known(http, claims), response);
    }

    /** Why a token is worth nothing; for the log, not for whoever sent it. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        Refused(String why) {
            super(why);
        }
    }

    private static String one(Enumeration<String> values) throws Refused {
        String value = values.hasMoreElements() ? values.nextElement() : null;
        if (value == null || values.hasMoreElements() || value.length() > TOKEN_MAX) {
            throw new Refused("expected one assertion");
        }
        return value;
    }

    // ---- the token

    private Map<String, Object> verify(String token, long now) throws Refused, GeneralSecurityException {
        String[] part = token.split("\\.", -1);
        if (part.length != 3) {
            throw new Refused("not a signed token");
        }
        Map<String, Object> header = Json.object(decode(part[0]));
        // The algorithm and type are ours to know, not the token's to choose.
        if (!"ES256".equals(header.get("alg")) || !"postern-assertion+jwt".equals(header.get("typ"))
                || header.containsKey("crit")) {
            throw new Refused("another algorithm or type");
        }
        byte[] signature = decode(part[2]);
        Signature verifier = Signature.getInstance("SHA256withECDSAinP1363Format");
        verifier.initVerify(key(header.get("kid")));
        verifier.update((part[0] + "." + part[1]).getBytes(StandardCharsets.US_ASCII));
        if (signature.length != 64 || !verifier.verify(signature)) {
            throw new Refused("not signed by that key");
        }
        Map<String, Object> claims = Json.object(decode(part[1]));
        check(claims, now);
        return claims;
    }

    private void check(Map<String, Object> claims, long now) throws Refused {
        if (!issuer.equals(claims.get("iss")) || !audience.equals(claims.get("aud"))) {
            throw new Refused("from another issuer or for another audience");
        }
        if (!(claims.get("nbf") instanceof Long nbf) || !(claims.get("exp") instanceof Long exp)
                || now + LEEWAY < nbf || now - LEEWAY >= exp || exp - nbf > LIFE_MAX) {
            throw new Refused("expired, or not good yet");
        }
        if (!(claims.get("sub") instanceof String sub) || sub.isEmpty()) {
            throw new Refused("of nobody");
        }
    }

    private static byte[] decode(String text) throws Refused {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            // One spelling for each value: padding and bits that mean nothing are refused.
            if (!Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).equals(text)) {
                throw new Refused("not base64url");
            }
            return bytes;
        } catch (IllegalArgumentException e) {
            throw new Refused("not base64url");
        }
    }

    // ---- keys

    private PublicKey key(Object kid) throws Refused, GeneralSecurityException {
        PublicKey key = kid instanceof String ? keys.get(kid) : null;
        if (key == null && kid instanceof String) {
            reload();
            key = keys.get(kid);
        }
        if (key == null) {
            throw new Refused("signed by an unknown key");
        }
        return key;
    }

    private synchronized void reload() throws Refused, GeneralSecurityException {
        long now = System.nanoTime() / 1_000_000;
        if (loaded != 0 && now - loaded < RELOAD_MS) {
            return;
        }
        loaded = now;
        byte[] text;
        try (InputStream in = jwks.toURL().openStream()) {
            text = in.readNBytes(JWKS_MAX);
        } catch (IOException e) {
            throw new Refused("the keys cannot be read: " + e.getMessage());
        }
        Map<String, PublicKey> fresh = new HashMap<>();
        if (Json.object(text).get("keys") instanceof List<?> list) {
            for (Object item : list) {
                if (item instanceof Map<?, ?> jwk && "EC".equals(jwk.get("kty")) && "P-256".equals(jwk.get("crv"))
                        && "ES256".equals(jwk.get("alg")) && jwk.get("kid") instanceof String kid
                        && jwk.get("x") instanceof String x && jwk.get("y") instanceof String y) {
                    fresh.put(kid, point(decode(x), decode(y)));
                }
            }
        }
        keys = Map.copyOf(fresh);
    }

    private static PublicKey point(byte[] x, byte[] y) throws GeneralSecurityException {
        AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
        curve.init(new ECGenParameterSpec("secp256r1"));
        ECPoint w = new ECPoint(new BigInteger(1, x), new BigInteger(1, y));
        return KeyFactory.getInstance("EC")
                .generatePublic(new ECPublicKeySpec(w, curve.getParameterSpec(ECParameterSpec.class)));
    }

    // ---- the request, with somebody in it

    private static final class Known extends HttpServletRequestWrapper {
        private final String user;
        private final List<?> groups;

        Known(HttpServletRequest request, Map<String, Object> claims) {
            super(request);
            user = (String) claims.get("sub");
            groups = claims.get("groups") instanceof List<?> list ? list : List.of();
        }

        @Override
        public String getRemoteUser() {
            return user;
        }

        @Override
        public Principal getUserPrincipal() {
            return () -> user;
        }

        @Override
        public boolean isUserInRole(String role) {
            return groups.contains(role);
        }

        @Override
        public String getAuthType() {
            return "POSTERN";
        }
    }

    // ---- as much JSON as a token needs: no name twice, no depth to speak of, whole numbers

    private static final class Json {
        private static final int DEPTH_MAX = 8;
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        @SuppressWarnings("unchecked")
        static Map<String, Object> object(byte[] bytes) throws Refused {
            String text;
            try {
                text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            } catch (CharacterCodingException e) {
                throw new Refused("not UTF-8");
            }
            Json json = new Json(text);
            Object value = json.value(0);
            json.blanks();
            if (json.at != text.length() || !(value instanceof Map)) {
                throw new Refused("not a JSON object");
            }
            return (Map<String, Object>) value;
        }

        private void blanks() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        private boolean take(String word) {
            blanks();
            boolean there = text.startsWith(word, at);
            at += there ? word.length() : 0;
            return there;
        }

        private void need(String word) throws Refused {
            if (!take(word)) {
                throw new Refused("not JSON");
            }
        }

        private Object value(int depth) throws Refused {
            if (depth > DEPTH_MAX) {
                throw new Refused("too deep");
            }
            if (take("{")) {
                return members(depth);
            }
            if (take("[")) {
                List<Object> list = new ArrayList<>();
                if (!take("]")) {
                    do {
                        list.add(value(depth + 1));
                    } while (take(","));
                    need("]");
                }
                return list;
            }
            if (take("\"")) {
                return string();
            }
            if (take("true")) {
                return Boolean.TRUE;
            }
            if (take("false")) {
                return Boolean.FALSE;
            }
            if (take("null")) {
                return "";
            }
            return number();
        }

        private Map<String, Object> members(int depth) throws Refused {
            Map<String, Object> map = new HashMap<>();
            if (take("}")) {
                return map;
            }
            do {
                need("\"");
                String name = string();
                need(":");
                if (map.put(name, value(depth + 1)) != null) {
                    throw new Refused("a name twice");
                }
            } while (take(","));
            need("}");
            return map;
        }

        private String string() throws Refused {
            StringBuilder out = new StringBuilder();
            while (at < text.length()) {
                char c = text.charAt(at++);
                if (c == '"') {
                    return out.toString();
                }
                out.append(c == '\\' ? escape() : c);
            }
            throw new Refused("not JSON");
        }

        private char escape() throws Refused {
            char c = at < text.length() ? text.charAt(at++) : 0;
            int plain = "\"\\/bfnrt".indexOf(c);
            if (c != 0 && plain >= 0) {
                return "\"\\/\b\f\n\r\t".charAt(plain);
            }
            try {
                if (c == 'u' && at + 4 <= text.length()) {
                    at += 4;
                    return (char) Integer.parseUnsignedInt(text.substring(at - 4, at), 16);
                }
            } catch (NumberFormatException e) {
                throw new Refused("not JSON");
            }
            throw new Refused("not JSON");
        }

        private Long number() throws Refused {
            int start = at;
            while (at < text.length() && "-0123456789".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            try {
                return Long.valueOf(text.substring(start, at));
            } catch (NumberFormatException e) {
                throw new Refused("not a whole number");
            }
        }
    }
}
