// app.js - the page: the fleet as it is, and the buttons that are possible now.
