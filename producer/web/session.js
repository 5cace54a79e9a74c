/*
 * session.js - the token, for as long as this tab is open.
 *
 * Kept in sessionStorage: no other tab and no later visitor of this browser has it.  An address
 * that ends in #token=… signs in once; the token is taken out of the address at once, and was
 * never sent anywhere by it.
 */

const KEY = "muster.token";

export function takeToken() {
    const given = /^#token=([^&]+)$/.exec(location.hash);
    if (given) {
        keepToken(decodeURIComponent(given[1]));
        history.replaceState(null, "", location.pathname);
    }
    return sessionStorage.getItem(KEY);
}

export const keepToken = (token) => sessionStorage.setItem(KEY, token);
export const dropToken = () => sessionStorage.removeItem(KEY);
