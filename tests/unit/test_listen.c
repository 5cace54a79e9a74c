/*
 * test_listen.c - addresses: where limits go by, what is loopback, who is a proxy.
 */
#include "http.h"
#include "http_listen.h"

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address;
    g_assert_true(http_address_parse(text, &address));
    return address;
}

static void t8_addresses(void)
{
    static const struct {
        const char *text, *shown, *whence;
        bool loopback;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", "192.0.2.1", false},
        {"127.0.0.9", "127.0.0.9", "127.0.0.9", true},
        {"0.0.0.0", "0.0.0.0", "0.0.0.0", false},
        {"::1", "::1", "::", true},
        {"::", "::", "::", false},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", false},
        {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", false},
        {"::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct sockaddr_storage address = address_of(rows[i].text);
        const struct sockaddr *plain = (const void *)&address;
        g_autofree char *shown = http_address_text(plain);
        g_autofree char *whence = http_address_whence(plain);
        g_assert_cmpstr(shown, ==, rows[i].shown);
        g_assert_cmpstr(whence, ==, rows[i].whence);
        g_assert_true(http_address_is_loopback(plain) == rows[i].loopback);
    }
}

static void t8_networks(void)
{
    static const struct {
        const char *network, *address;
        bool has;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.1.2.128/25", "10.1.2.200", true},
        {"10.1.2.128/25", "10.1.2.7", false},
        {"0.0.0.0/0", "192.0.2.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/33", "2001:db8::7", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::/0", "192.0.2.1", true},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct http_network network;
        struct sockaddr_storage address = address_of(rows[i].address);
        g_assert_true(http_network_parse(rows[i].network, &network, NULL));
        g_assert_true(http_network_has(&network, (const void *)&address) == rows[i].has);
    }
}

static void t8_what_is_no_network_is_refused(void)
{
    static const char *const wrong[] = {
        "",       "proxy",       "10.0.0.0/33", "10.0.0.0/",   "10.0.0/8",
        "::/129", "10.0.0.1/-1", "10.0.0.1:80", "10.0.0.0/8/8"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct http_network network;
        g_autoptr(GError) error = NULL;
        g_assert_false(http_network_parse(wrong[i], &network, &error));
        g_assert_error(error, HTTP_ERROR, HTTP_ERROR_USAGE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/listen/t8_addresses", t8_addresses);
    g_test_add_func("/listen/t8_networks", t8_networks);
    g_test_add_func("/listen/t8_what_is_no_network_is_refused",
                    t8_what_is_no_network_is_refused);
    return g_test_run();
}
